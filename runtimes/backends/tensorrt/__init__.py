"""What the TensorRT builder and runner are made of; NumPy is all it needs until an engine is really built or run."""
