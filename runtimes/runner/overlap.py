"""The tiles that nobody chose. Apart from the tiler, since help texts say it and need no NumPy for that."""

DEFAULT_TILE = (128, 128)
"""(H, W) in LR pixels."""

DEFAULT_OVERLAP = 8
"""LR pixels that neighbouring tiles share."""
