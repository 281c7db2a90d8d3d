"""How the INT8 layers of an artifact were chosen, as its `choice` in the manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dlgsanet.storage.typed_json import Text, Whole


@dataclass(frozen=True)
class DefaultLayers:
    """The layers that are taken without a search; `reason` says why there was none, and what the drawn tiles said."""

    layers: tuple[Text, ...]
    how: Literal["default"]
    reason: str | None = None


@dataclass(frozen=True)
class Candidate:
    """One choice of so many `layers`: its median time, and what it loses on all tiles, as in LayerLoss."""

    name: Text
    layers: Whole
    ms: float
    to_float_db: float
    to_float_worst_db: float
    squared_error: float
    drop_db: float
    drop_worst_db: float
    ssim_drop: float


@dataclass(frozen=True)
class LayerLoss:
    """One layer in INT8 by itself, against the float graph: dB to its output (mean, worst tile), mean squared error,
    and what is lost against HR in dB (mean, worst tile) and SSIM. `ms_gained`: its part of what its role saves."""

    role: Text
    to_float_db: float
    to_float_worst_db: float
    squared_error: float
    drop_db: float
    drop_worst_db: float
    ssim_drop: float
    ms_gained: float | None


@dataclass(frozen=True)
class SearchedLayers:
    """What a search measured; `float_ms` is the same graph without INT8, in the same rounds."""

    layers: tuple[Text, ...]
    how: Literal["searched"]
    chosen: Text
    limits: Mapping[str, object]
    judged_on: Text
    float_ms: float | None
    candidates: tuple[Candidate, ...]
    roles_ms_gained: Mapping[str, float]
    layers_measured: Mapping[str, LayerLoss]
    machine: Mapping[str, object]


Int8Choice = DefaultLayers | SearchedLayers
