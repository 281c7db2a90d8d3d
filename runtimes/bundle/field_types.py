"""What texts and numbers in a manifest must be besides text and number; types for the fields of its records."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from dlgsanet.storage.typed_json import NOT_EMPTY, Count, Rule


def is_inside(path: str) -> bool:
    """Whether `path` is a plain relative POSIX path: no '..', no root, no drive, no backslash."""
    if any(character in path for character in '\\:*?"<>|') or not path.isprintable():
        return False
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and str(PurePosixPath(*parts)) == path


def _matching(pattern: str, expected: str) -> Rule[str]:
    whole = re.compile(rf"(?:{pattern})\Z")
    return Rule(expected, lambda text: whole.match(text) is not None, {"pattern": f"^(?:{pattern})$"})


Sha256 = Annotated[str, NOT_EMPTY, _matching("[0-9a-f]{64}", "a sha256 of 64 lower-case hex digits")]
InsidePath = Annotated[
    str,
    NOT_EMPTY,
    Rule(
        "a path inside the bundle, with forward slashes and without '..'",
        is_inside,
        {"pattern": r'^(?!/)(?!(?:.*/)?\.\.?(?:/|$))[^\\:*?"<>|]+$'},
    ),
]
FunctionName = Annotated[
    str,
    NOT_EMPTY,
    _matching("[A-Za-z_][A-Za-z0-9_]*", "a function's name: letters, digits and underscores"),
]
Tile = Annotated[tuple[Count, Count], Rule[tuple[int, int]]("height and width", lambda tile: True, {})]
"""Height and width in LR pixels."""

Range = Annotated[
    tuple[float, float], Rule[tuple[float, float]]("two numbers, the smaller first", lambda ends: ends[0] < ends[1], {})
]


def one_of(names: tuple[str, ...]) -> Rule[str]:
    """One of a table's names."""
    return Rule(f"one of {', '.join(names)}", lambda name: name in names, {"enum": list(names)})


Fill = Literal["reflect", "symmetric"]
"""What continues a picture that is smaller than a tile, at the bottom and the right, named as numpy.pad does: its
reflection about the edge pixel, or the one in which the edge pixel stands twice."""
