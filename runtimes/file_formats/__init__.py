"""Readers of foreign formats in plain Python: protobuf and ONNX."""
