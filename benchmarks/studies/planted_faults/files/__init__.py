"""Files of each backend: their constants read, and written again with other values."""
