"""Studies of GPUs: what TensorRT-RTX compiles here without one, and PyTorch on one."""
