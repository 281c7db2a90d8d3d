"""Typed ONNX for TensorRT, and engines compiled ahead for RTX GPUs."""
