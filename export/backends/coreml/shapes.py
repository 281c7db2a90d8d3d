"""Which shapes Core ML packages may have: a package for each tile, or one with a function for each; why no others."""

from __future__ import annotations

from collections.abc import Sequence

from dlgsanet.errors import InputError, unknown
from export.targets.row import since
from export.targets.table import Target

FIXED = "fixed"
FUNCTIONS = "functions"
FUNCTIONS_DEPLOYMENT = "iOS18"  # the first system that knows packages with several functions
SHAPES = {
    FIXED: "a package for each tile",
    FUNCTIONS: "one package with a function for each tile, which share their weights",
}
SHAPES_REFUSED = {
    "enumerated": "the attention windows of a tile are constants of its graph, so that one program cannot serve "
    "several tiles; give --shapes functions, which puts a program for each --tile into one package with one set of "
    "weights",
    "range": "the Neural Engine does not take a RangeDim (Core ML runs such a package on the CPU), and the attention "
    "windows of a tile are constants of its graph; give --tile several times: a package each",
}


def require_image(image: bool, targets: Sequence[Target]) -> None:
    """Raise InputError where pictures are asked for and no target has them."""
    if image and not any(target.image for target in targets):
        raise InputError("--image is about Core ML packages, found no such target: add --to coreml")


def require_shapes(shapes: str, targets: Sequence[Target]) -> None:
    """Raise InputError, which says why and what to do, for shapes that cannot be."""
    if shapes in SHAPES_REFUSED:
        raise InputError(f"--shapes {shapes} is refused: {SHAPES_REFUSED[shapes]}")
    if shapes not in SHAPES:
        raise unknown("kind of shapes", shapes, (*SHAPES, *SHAPES_REFUSED))
    if shapes == FUNCTIONS:
        _require_functions([target for target in targets if target.backend == "coreml"])


def _require_functions(packages: Sequence[Target]) -> None:
    if not packages:
        raise InputError(f"--shapes {FUNCTIONS} is about Core ML packages, found no such target: add --to coreml-fp16")
    if len({target.tile for target in packages}) < 2:
        raise InputError(
            f"--shapes {FUNCTIONS} puts several tiles into one package, found one tile: give --tile again, or leave "
            "--shapes out"
        )
    if not since(packages[0].deployment, FUNCTIONS_DEPLOYMENT):
        raise InputError(
            f"--shapes {FUNCTIONS} needs packages with several functions, which came with iOS18 and macOS15, found "
            f"--deployment {packages[0].deployment}: give --deployment {FUNCTIONS_DEPLOYMENT}, or leave --shapes out "
            "for a package each"
        )
