"""Foreign formats in plain Python: readers of protobuf and ONNX, a writer of Markdown tables."""
