"""A backend that computes the ONNX file in NumPy: slow, small, and all that a backend needs."""
