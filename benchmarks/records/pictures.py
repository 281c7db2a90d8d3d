"""Pictures in result files: crops of every source, and where an artifact is worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.records import png_text
from benchmarks.records.identity import Identity


@dataclass(frozen=True)
class Crop:
    """One place of one image from every source: name (`HR`, `bicubic`, artifact ids) -> base64 of an 8-bit
    PNG.

    `box` is top, left, height, width in HR pixels.
    """

    image: str
    dataset: str
    model_sha256: str
    box: tuple[int, int, int, int]
    pictures: Mapping[str, str]

    def __post_init__(self) -> None:
        for name, text in self.pictures.items():
            png_text.require(f"the crop {name[:40]!r}", text)


@dataclass(frozen=True)
class ErrorMap(Identity):
    """Where one artifact is worst in one image: `box` (top, left, height, width in HR pixels) of its output, of the
    reference's, and the largest error of the three colours, black at none, in the last colour from `full_scale` 8-bit
    levels on. The three are base64 of PNG."""

    artifact: str
    image: str
    dataset: str
    model_sha256: str
    box: tuple[int, int, int, int]
    to_reference_db: float | None
    drop_db: float
    full_scale: float
    picture: str
    reference: str
    error: str

    def __post_init__(self) -> None:
        for name in ("picture", "reference", "error"):
            png_text.require(f"the {name} of an error map", getattr(self, name))
