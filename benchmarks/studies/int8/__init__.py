"""What INT8 costs: layer by layer, setting by setting, on text."""
