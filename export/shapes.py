"""Which shapes a Core ML package may have: one, and why no others."""

from __future__ import annotations

from dlgsanet.imaging.errors import InputError, unknown

SHAPES = "fixed"
SHAPES_REFUSED = {
    "enumerated": "the attention windows of a tile are constants of its graph, so that one program cannot serve "
    "several tiles; give --tile several times: a package each, and every image runs on the nearest",
    "range": "the Neural Engine does not take a RangeDim (Core ML runs such a package on the CPU), and the attention "
    "windows of a tile are constants of its graph; give --tile several times: a package each",
}


def require_shapes(shapes: str) -> None:
    """Core ML packages have one fixed shape; InputError says why the others are refused."""
    if shapes in SHAPES_REFUSED:
        raise InputError(f"--shapes {shapes} is refused: {SHAPES_REFUSED[shapes]}")
    if shapes != SHAPES:
        raise unknown("kind of shapes", shapes, (SHAPES, *SHAPES_REFUSED))
