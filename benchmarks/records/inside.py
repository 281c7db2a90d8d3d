"""Records that judge nothing by themselves: the dB ladder, how pictures differ, what the machine reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.gates.accuracy_gates import GateName
from benchmarks.records import png_text


@dataclass(frozen=True)
class RungRecord:
    """One step of the dB ladder, means over the images: against the step `before`, against the ladder's top (unclamped
    RGB), and against HR; None where there is no step before, or no error at all."""

    step: str
    before: str | None
    model: str
    model_sha256: str
    tile: tuple[int, int]
    dataset: str
    protocol: str
    psnr_db: float | None
    drop_db: float | None
    to_before_db: float | None
    to_before_worst_db: float | None
    to_top_db: float | None
    kind: Literal["rung"] = "rung"

    @property
    def identical(self) -> bool:
        """Whether nothing at all was lost to the step before."""
        return self.before is not None and self.drop_db is not None and self.to_before_db is None


@dataclass(frozen=True)
class DiagnosisRecord:
    """How an artifact's pictures differ from the reference's, means over the images (benchmarks/accuracy/diagnosis.py):
    shares of samples at or beyond black and white more than the reference has; mean shift of R, G, B, and errors by
    frequency (low, middle, high) and by texture, in 8-bit levels."""

    artifact: str
    model: str
    model_sha256: str
    dataset: str
    protocol: str
    black: float
    white: float
    shift: tuple[float, float, float]
    bands: tuple[float, float, float]
    flat: float
    textured: float
    kind: Literal["diagnosis"] = "diagnosis"


@dataclass(frozen=True)
class ErrorMap:
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


@dataclass(frozen=True)
class BlockRow:
    """One block's output: decibels of signal to error there, over all tiles; None for no error at all. `total_db`:
    against the reference, with all that came before; `added_db`: against the reference's block on the same input, which
    is what this block alone does wrong."""

    name: str
    total_db: float | None
    added_db: float | None


@dataclass(frozen=True)
class BlockRecord:
    """`check --blocks` of one artifact, from a twin of it with more outputs, on one tile of each of `images` images.

    `twin_db`: the twin's output against the artifact's own, the worst tile, None where they are bit-equal. `gate` is
    `stated`, or `not run` and `reason` says why there are no blocks.
    """

    artifact: str
    model: str
    model_sha256: str
    dataset: str
    tile: tuple[int, int]
    images: int
    gate: GateName
    reason: str
    twin_db: float | None = None
    blocks: tuple[BlockRow, ...] = ()
    kind: Literal["blocks"] = "blocks"


@dataclass(frozen=True)
class LayerRow:
    """One layer in INT8 by itself: dB to the float graph (mean and worst tile) and what it lost against HR."""

    layer: str
    to_float_db: float
    to_float_worst_db: float
    drop_db: float


@dataclass(frozen=True)
class LayersRecord:
    """Which layers of an artifact are INT8 and how they were chosen, from the manifest; null where it does not say.

    `reason` is given where nothing was searched; else `chosen` names the choice, with its time, that of the same graph
    without INT8 and the mean dB lost, as they were measured where it was exported, and `sensitive` are the layers that
    lose most by themselves, the worst first.
    """

    artifact: str
    model: str
    model_sha256: str
    layers: int | None
    reason: str
    chosen: str | None = None
    ms: float | None = None
    float_ms: float | None = None
    drop_db: float | None = None
    sensitive: tuple[LayerRow, ...] = ()
    kind: Literal["layers"] = "layers"


@dataclass(frozen=True)
class LimitRecord:
    """What the machine reached at most in the same rounds: `per_second` of `unit` (MAC, or B read and written)."""

    name: str
    unit: str
    per_second: float
    threads: int
    samples_ms: tuple[float, ...]
    kind: Literal["limit"] = "limit"


@dataclass(frozen=True)
class KernelRecord:
    """What an engine's compiler made of its graph: `kernels`, "<type> <data type>" -> count; convolutions by data type;
    kernels that only requantize; waits and signals between streams. It says nothing of having run."""

    artifact: str
    model: str
    model_sha256: str
    library: str
    sm: str
    scales: str | None
    total: int
    kernels: Mapping[str, int]
    dense: Mapping[str, int]
    grouped: Mapping[str, int]
    requantize: int
    stream_operations: int
    weight_bytes: int | None
    activation_bytes: int | None
    kind: Literal["kernels"] = "kernels"
