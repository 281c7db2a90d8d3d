"""CUDA memory and streams by whatever is installed."""
