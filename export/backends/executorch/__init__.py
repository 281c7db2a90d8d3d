"""ExecuTorch: `.pte` files, made from the graph by `torch.export` and a delegate of ExecuTorch."""
