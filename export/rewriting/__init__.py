"""Exact rewriting of the network: ordered passes, lowerings of the dynamic convolution, certificates."""
