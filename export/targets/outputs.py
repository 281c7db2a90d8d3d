"""What a target's files are: written where, with which input and output."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dlgsanet.storage.typed_json import to_json
from runtimes.bundle.artifact_facts import Certificate, Cost
from runtimes.bundle.manifest import Port, Source
from runtimes.runner.ports import ARRAY, ARRAY_LAST, PICTURE, PICTURE_LAST

if TYPE_CHECKING:
    from export.targets.table import Target

RANGE = (0.0, 1.0)  # of the pixels in, and of the pixels out but for overshoot: nothing is clamped


@dataclass(frozen=True)
class Written:
    """What was written: the path to load, and every file, all relative to the bundle."""

    path: str
    files: tuple[str, ...]
    cost: Cost = field(default_factory=Cost)
    """What the backend itself tells of them; the writer adds what all have."""


@dataclass(frozen=True)
class Stamp:
    """What an artifact says of itself, inside: the manifest's keys, so that a lone file can be told."""

    schema: int
    id: str
    backend: str
    precision: str
    tile: tuple[int, int]
    scale: int
    input: Port
    output: Port
    lowering: str
    rewrites: tuple[str, ...]
    hints: Mapping[str, str]
    certificate: Certificate
    source: Source
    tools: Mapping[str, str]
    calibration_sha256: str | None

    @property
    def facts(self) -> dict[str, str]:
        """What other programs look for in a lone file, as flat texts; the licence where one is known."""
        foreign = self.source.foreign
        licence = foreign.licence if foreign else self.source.metadata.get("licence", "")
        known = {
            "name": self.source.name,
            "scale": str(self.scale),
            "tile": f"{self.tile[0]}x{self.tile[1]}",
            "precision": self.precision,
            "layout": self.input.layout,
            "color": "RGB",
            "range": f"{self.input.range[0]:g}..{self.input.range[1]:g}",
            "license": licence,
        }
        return {key: value for key, value in known.items() if value}

    @property
    def file(self) -> str:
        """A name, without its suffix, that says what the file is when it has left its bundle:
        `4x-dlgsanet-nano-fp32-128x128`."""
        scale, name = str(self.scale), self.source.name
        plain = re.sub(rf"^{scale}x[-_. ]*|[-_. ]*x{scale}$", "", name, flags=re.IGNORECASE) or name
        family = "" if self.source.foreign or "dlgsanet" in plain.lower() else "dlgsanet-"
        _, _, rest = self.id.partition(f"{self.backend}-")
        called = re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-.")
        return "-".join(filter(None, (f"{scale}x", f"{family}{called}", rest)))


def ports(target: Target, scale: int) -> tuple[Port, Port]:
    """An artifact's input and output: one tile, as an array or as 8-bit pictures."""
    height, width = target.tile
    last = target.row.channels_last
    make = _picture if target.image else _array
    return make("lr", height, width, last), make("sr", height * scale, width * scale, last)


def _array(name: str, height: int, width: int, last: bool) -> Port:
    return Port(name, ARRAY_LAST if last else ARRAY, "float32", RANGE, _sides(height, width, last))


def _picture(name: str, height: int, width: int, last: bool) -> Port:
    return Port(name, PICTURE_LAST if last else PICTURE, "uint8", (0.0, 255.0), _sides(height, width, last))


def _sides(height: int, width: int, last: bool) -> tuple[int, ...]:
    return (1, height, width, 3) if last else (1, 3, height, width)


def make_place(folder: Path, path: str) -> str:
    """Make the folders that `path` needs below `folder`; return `path`."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    return path


def stamp_json(stamp: Stamp | None) -> Mapping[str, object] | None:
    """The stamp as JSON's own values."""
    made: Mapping[str, object] | None = None if stamp is None else to_json(stamp)
    return made


def stamp_texts(stamp: Stamp | None) -> dict[str, str]:
    """The stamp where only text can be kept: strings as they are, everything else as JSON."""
    keys = stamp_json(stamp) or {}
    return {key: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for key, value in keys.items()}
