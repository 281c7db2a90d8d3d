"""The tiles that nobody chose. Apart from the tiler, since help texts say it and need no NumPy for that."""

from runtimes.bundle.field_types import Fill

DEFAULT_FILL: Fill = "symmetric"
"""A contour that meets the edge at an angle goes on without a spike."""

DEFAULT_TILE = (128, 128)
"""(H, W) in LR pixels."""

DEFAULT_OVERLAP = 8
"""LR pixels that neighbouring tiles share."""
