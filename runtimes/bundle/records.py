"""The records of a bundle's manifest: what `runtimes.bundle.manifest` reads and writes, and what every room works
with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from dlgsanet.storage.typed_json import LEFT_OUT, NOT_EMPTY, REQUIRED, Count, Text, Whole
from runtimes.bundle.artifact_facts import Birth, Certificate, Cost, FormChoice
from runtimes.bundle.field_types import Fill, FunctionName, InsidePath, Range, Sha256, Tile, one_of
from runtimes.bundle.foreign import Foreign
from runtimes.bundle.tile_choice import FramePlan

SCHEMA: Final = 1
LOW_RANK = "lowrank"  # variant whose basis was compressed: approximate in any precision
PRECISIONS = ("fp32", "fp16", "bf16", "int8", "int8-mixed", "int8w", "pal8", "pal6", "pal4")
Precision = Annotated[str, NOT_EMPTY, one_of(PRECISIONS)]


@dataclass(frozen=True)
class Port:
    """One input or output of an artifact: `layout` such as NCHW, `dtype` such as float32, values in
    `range`."""

    name: Text
    layout: Text
    dtype: Text
    range: Range
    shape: tuple[Count, ...]


@dataclass(frozen=True)
class Artifact:
    """One compiled form of the network for one backend, precision and tile (H, W in LR pixels).

    `path` is the file (or package directory) to load, `files` every file it consists of with its sha256, all
    relative to the bundle. `hints` are settings that the runner must pin in the engine. `certificate` and
    `choice` are None for files that no exporter of ours made. `function` is the one to load of a Core ML package that
    serves several tiles, each of them an artifact with the same `path`. `birth`: what it showed when it was exported;
    None in older bundles."""

    id: Text
    backend: Text
    precision: Precision
    variant: Text | None
    tile: Tile
    path: InsidePath
    files: Mapping[InsidePath, Sha256]
    input: Port
    output: Port
    lowering: Text
    rewrites: tuple[Text, ...]
    hints: Mapping[str, str]
    calibration_sha256: Sha256 | None
    certificate: Certificate | None
    graph: Cost = field(default_factory=Cost, metadata=REQUIRED)
    choice: FormChoice | None = field(default=None, metadata=REQUIRED)
    function: FunctionName | None = field(default=None, metadata=LEFT_OUT)
    birth: Birth | None = field(default=None, metadata=LEFT_OUT)

    @property
    def family(self) -> str:
        """The id without the tile: artifacts of one family differ in nothing else."""
        return "-".join(part for part in (self.backend, self.precision, self.variant) if part)

    @property
    def frames(self) -> tuple[FramePlan, ...]:
        """The frames that its tile was chosen for."""
        return self.choice.tile.frames if self.choice and self.choice.tile else ()

    @property
    def pixel_costs(self) -> Mapping[str, float]:
        """What a pixel takes in each tile that was timed when it was exported (`TileChoice`); empty where none was."""
        return self.choice.tile.pixel_costs if self.choice and self.choice.tile else {}

    @property
    def pixel_cost(self) -> float:
        """What a pixel takes in this tile, as far as it was timed; else 1."""
        return self.pixel_costs.get(f"{self.tile[0]}x{self.tile[1]}", 1.0)


@dataclass(frozen=True)
class Calibration:
    """What quantized artifacts learnt their ranges from: how many tiles, the seed of their places, and the images by
    name with the hash of their decoded pixels, which must not be evaluated on. `benchmarks`: the known ones that these
    images are of, where there are any."""

    tiles: Count
    seed: Whole
    images: Mapping[str, Sha256]
    benchmarks: tuple[Text, ...] | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class Source:
    """The file that everything was made from: `config` as the reference network's fields; `foreign` where it is no
    DLGSANet checkpoint."""

    name: Text
    sha256: Sha256
    config: Mapping[str, Any]
    metadata: Mapping[str, str]
    foreign: Foreign | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class PackEntry:
    """One photograph of the parity pack: LR and HR as PNG, `sr` = tile "HxW" -> NPY of the tiled reference,
    float32 NCHW, unclamped. Paths relative to the bundle."""

    name: Text
    source: Text
    licence: Text
    lr: InsidePath
    hr: InsidePath
    sr: Mapping[str, InsidePath]


@dataclass(frozen=True)
class Reference:
    """What `check` needs on a device without torch; `overlap` (LR pixels) and `fill` are those of the stored `sr`.
    `probes`: tile "HxW" -> the reference's outputs of the probe tiles (runtimes/runner/fidelity/probe_store.py)."""

    checkpoint: InsidePath
    overlap: Whole
    entries: tuple[PackEntry, ...]
    files: Mapping[InsidePath, Sha256]
    probes: Mapping[str, InsidePath] = field(default_factory=dict)
    fill: Fill = "reflect"  # of the bundles that do not say it


@dataclass(frozen=True)
class Manifest:
    """A whole bundle; `created` is an ISO 8601 time, `tools` maps package names to versions."""

    schema: Literal[1]
    name: Text
    scale: Count
    source: Source
    tools: Mapping[str, str]
    artifacts: tuple[Artifact, ...]
    reference: Reference
    created: Text
    calibration: Calibration | None = field(default=None, metadata=REQUIRED)


def artifact_id(backend: str, precision: str, variant: str | None, tile: tuple[int, int]) -> str:
    """Return `<backend>-<precision>[-<variant>]-<H>x<W>`, the name commands know an artifact by."""
    return "-".join(part for part in (backend, precision, variant, f"{tile[0]}x{tile[1]}") if part)
