"""Networks that are PyTorch modules: traced to an ONNX file, which is proven against the module itself."""
