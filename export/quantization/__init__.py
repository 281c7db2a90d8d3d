"""INT8: calibration tiles, which layers, calibrated graphs, the search by sensitivity."""
