"""ONNX Runtime: runner, session, layers, devices, probe."""
