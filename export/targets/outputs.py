"""What a target's files are: written where, with which input and output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export.targets.table import Target
from runtimes.bundle.manifest import Port
from runtimes.runner.ports import ARRAY, PICTURE

RANGE = (0.0, 1.0)  # of the pixels in, and of the pixels out but for overshoot: nothing is clamped


@dataclass(frozen=True)
class Written:
    """What was written: the path to load, and every file, all relative to the bundle."""

    path: str
    files: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest's `graph` says of them besides."""


def ports(target: Target, scale: int) -> tuple[Port, Port]:
    """An artifact's input and output: one tile, as an array or as 8-bit pictures."""
    height, width = target.tile
    make = _picture if target.image else _array
    return make("lr", height, width), make("sr", height * scale, width * scale)


def _array(name: str, height: int, width: int) -> Port:
    return Port(name, ARRAY, "float32", RANGE, (1, 3, height, width))


def _picture(name: str, height: int, width: int) -> Port:
    return Port(name, PICTURE, "uint8", (0.0, 255.0), (1, 3, height, width))


def make_place(folder: Path, path: str) -> str:
    """Make the folders that `path` needs below `folder`; return `path`."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    return path


def as_texts(keys: Mapping[str, Any]) -> dict[str, str]:
    """rt_info holds text only: strings as they are, everything else as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for key, value in keys.items()}
