"""Records of `check` that judge nothing by themselves: the dB ladder, how pictures differ, errors by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from benchmarks.records.accuracy import Decibels
from benchmarks.records.gate_name import GateName
from benchmarks.records.identity import Identity, Named
from dlgsanet.storage.typed_json import Count


@dataclass(frozen=True)
class RungRecord(Identity):
    """One step of the dB ladder, means over the images: against the step `before`, against the ladder's top (unclamped
    RGB), and against HR; None where there is no step before, or no error at all. `role` and `backend` are those of
    `step`."""

    step: str
    before: str | None
    model: str
    model_sha256: str
    tile: tuple[Count, Count]
    dataset: str
    protocol: str
    psnr_db: Decibels | None
    drop_db: Decibels | None
    to_before_db: Decibels | None
    to_before_worst_db: Decibels | None
    to_top_db: Decibels | None
    kind: Literal["rung"] = "rung"
    FIGURE: ClassVar = ("step", "protocol", "model_sha256")

    @property
    def identical(self) -> bool:
        """Whether nothing at all was lost to the step before."""
        return self.before is not None and self.drop_db is not None and self.to_before_db is None


@dataclass(frozen=True)
class DiagnosisRecord(Named):
    """How an artifact's pictures differ from the reference's, means over the images (benchmarks/accuracy/diagnosis.py):
    shares of samples at or beyond black and white more than the reference has; mean shift of R, G, B, and errors by
    frequency (low, middle, high) and by texture, in 8-bit levels."""

    dataset: str
    protocol: str
    black: float
    white: float
    shift: tuple[float, float, float]
    bands: tuple[float, float, float]
    flat: float
    textured: float
    kind: Literal["diagnosis"] = "diagnosis"
    FIGURE: ClassVar = ("artifact", "protocol", "model_sha256")


@dataclass(frozen=True)
class BlockRow:
    """One block's output: decibels of signal to error there, over all tiles; None for no error at all. `total_db`:
    against the reference, with all that came before; `added_db`: against the reference's block on the same input, which
    is what this block alone does wrong."""

    name: str
    total_db: Decibels | None
    added_db: Decibels | None


@dataclass(frozen=True)
class BlockRecord(Named):
    """`check --blocks` of one artifact, from a twin of it with more outputs, on one tile of each of `images` images.

    `twin_db`: the twin's output against the artifact's own, the worst tile, None where they are bit-equal. `gate` is
    `stated`, or `not run` and `reason` says why there are no blocks.
    """

    dataset: str
    tile: tuple[Count, Count]
    images: int
    gate: GateName
    reason: str
    twin_db: Decibels | None = None
    blocks: tuple[BlockRow, ...] = ()
    kind: Literal["blocks"] = "blocks"
    FIGURE: ClassVar = ("artifact", "dataset", "model_sha256")
