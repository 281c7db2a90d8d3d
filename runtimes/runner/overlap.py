"""How far tiles overlap. Apart from the tiler, since help texts say it and need no NumPy for that."""

DEFAULT_OVERLAP = 8
"""LR pixels that neighbouring tiles share."""
