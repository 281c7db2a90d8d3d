"""Records of what an artifact is made of: its INT8 layers, its engine's kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from benchmarks.records.accuracy import Decibels
from benchmarks.records.identity import Named


@dataclass(frozen=True)
class LayerRow:
    """One layer in INT8 by itself: dB to the float graph (mean and worst tile) and what it lost against HR."""

    layer: str
    to_float_db: Decibels
    to_float_worst_db: Decibels
    drop_db: Decibels


@dataclass(frozen=True)
class LayersRecord(Named):
    """Which layers of an artifact are INT8 and how they were chosen, from the manifest; null where it does not say.

    `reason` is given where nothing was searched; else `chosen` names the choice, with its time, that of the same graph
    without INT8 and the mean dB lost, as they were measured where it was exported, and `sensitive` are the layers that
    lose most by themselves, the worst first.
    """

    layers: int | None
    reason: str
    chosen: str | None = None
    ms: float | None = None
    float_ms: float | None = None
    drop_db: Decibels | None = None
    sensitive: tuple[LayerRow, ...] = ()
    kind: Literal["layers"] = "layers"
    FIGURE: ClassVar = ("artifact", "model_sha256")


@dataclass(frozen=True)
class KernelRecord(Named):
    """What an engine's compiler made of its graph: `kernels`, "<type> <data type>" -> count; convolutions by data type;
    kernels that only requantize; waits and signals between streams. It says nothing of having run."""

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
    FIGURE: ClassVar = ("artifact", "sm", "model_sha256")
