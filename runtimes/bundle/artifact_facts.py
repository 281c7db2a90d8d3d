"""What a manifest tells of an artifact: that it is exact, what it costs, and how its form was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dlgsanet.storage.typed_json import LEFT_OUT, REST, Text, Whole
from runtimes.bundle.int8_choice import Int8Choice
from runtimes.bundle.tile_choice import TileChoice


@dataclass(frozen=True)
class CaseError:
    """The largest error on one input: absolute, and relative to max(1, largest output of the reference)."""

    max_abs: float
    max_rel: float


@dataclass(frozen=True)
class Certificate:
    """The rewritten network against the reference, input by input: every relative error lies within `limit`, the
    largest is `max_rel`."""

    arithmetic: Text
    limit: float
    max_rel: float
    cases: Mapping[str, CaseError]

    @property
    def shown(self) -> str:
        """The largest relative error, as pages have it."""
        return f"{self.max_rel:.1e}"


@dataclass(frozen=True)
class BlockTensors:
    """Block -> the tensor in the artifact that is its output. `reflected_along`: the vector v of the reflection
    1 - 2 v v^T / v^T v that turns the stream's channels in this artifact, None where they are the reference's."""

    tensors: Mapping[str, Text]
    reflected_along: tuple[float, ...] | None


@dataclass(frozen=True)
class LowRankBasis:
    """Filter networks of fewer basis filters: their `ranks`, block by block, of `full_rank`; `lost`: the share of the
    filters' energy that went; `drop_db`: what it costs on the calibration images."""

    ranks: tuple[Whole, ...]
    full_rank: Whole
    lost: tuple[float, ...]
    drop_db: float


@dataclass(frozen=True)
class CompileEffort:
    """What compiling an engine took."""

    seconds: float
    peak_mb: Whole


@dataclass(frozen=True)
class Cost:
    """What an artifact computes: nodes of its ONNX graph, multiply-adds as lowered (`macs`) and of the network, the
    names of its blocks, its compressed basis. For TensorRT: nodes that stay fp32 beside fp16, for each block the share
    of fp16's range that a photograph used, INT8 convolutions, and of an engine its record
    (`runtimes.backends.tensorrt.engine_record`) and its making. `others`: what a backend of others tells."""

    onnx_nodes: Whole | None = field(default=None, metadata=LEFT_OUT)
    macs: Whole | None = field(default=None, metadata=LEFT_OUT)
    network_macs: Whole | None = field(default=None, metadata=LEFT_OUT)
    blocks: BlockTensors | None = field(default=None, metadata=LEFT_OUT)
    basis: LowRankBasis | None = field(default=None, metadata=LEFT_OUT)
    fp32_nodes: Whole | None = field(default=None, metadata=LEFT_OUT)
    fp16_range_used: Mapping[str, float] | None = field(default=None, metadata=LEFT_OUT)
    int8_convolutions: Whole | None = field(default=None, metadata=LEFT_OUT)
    engine: Mapping[str, object] | None = field(default=None, metadata=LEFT_OUT)
    build: CompileEffort | None = field(default=None, metadata=LEFT_OUT)
    others: Mapping[str, object] = field(default_factory=dict, metadata=REST)


@dataclass(frozen=True)
class Shown:
    """One picture (`name`: of the parity pack, or a probe tile) as an artifact gave it, against the reference's:
    decibels (None: equal), the mean error of R, G and B and the largest root mean square of an 8x8 patch, in levels of
    255."""

    name: Text
    to_reference_db: float | None
    shift: tuple[float, float, float]
    patch: float


@dataclass(frozen=True)
class Birth:
    """What an artifact showed where it was exported, for `check` to compare with: on which device, in which versions.
    `not_run` says why it could not be run there; then nothing else is known."""

    device: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[Shown, ...] = ()
    not_run: str = ""


@dataclass(frozen=True)
class FormChoice:
    """A lowering and how it was chosen; `ms` are the medians of all candidates, fastest first, where measured on
    `machine`. `int8`: how the INT8 layers were chosen, where there are any; `tile`: how the tile was, where it was."""

    lowering: Text
    how: Literal["default", "given", "measured"]
    ms: Mapping[str, float] = field(default_factory=dict)
    machine: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    int8: Int8Choice | None = field(default=None, metadata=LEFT_OUT)
    tile: TileChoice | None = field(default=None, metadata=LEFT_OUT)
