"""What TensorRT is known to refuse or to read wrongly, found in plain ONNX."""
