"""Records of `bench`: times, their ratios, and what the machine reached in the same rounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from benchmarks.records.gate_name import GateName
from benchmarks.records.identity import Identity, Role, Run
from benchmarks.records.statistics import Order
from dlgsanet.storage.typed_json import Count, between

Milliseconds = Annotated[float, between(1e-6, 1e9, "times above zero, from 1e-6 to 1e9 ms")]
Ratio = Annotated[float, between(1e-9, 1e9)]
Rate = Annotated[float, between(1e-9, 1e24)]


@dataclass(frozen=True)
class Roofline:
    """`network_macs` are the multiply-adds of the network itself, `lowered_macs` those of the graph; the shares are
    what these would take at the product limits of the engine (LimitRecord), each part in the precision in which it ran,
    over the median; None where one was not measured."""

    network_macs: int
    lowered_macs: int
    peak_share: Ratio | None = None
    lowered_share: Ratio | None = None


@dataclass(frozen=True)
class LatencyRecord(Run):
    """One tile through one artifact, end to end on the host. `p50_low_ms`, `p50_high_ms`: the median's 95 %
    interval.

    `load_ms` and `peak_rss_mb` (10^6 bytes) come from a process of its own, the backend's import included."""

    gate: GateName
    reason: str
    p50_ms: Milliseconds | None = None
    p50_low_ms: Milliseconds | None = None
    p50_high_ms: Milliseconds | None = None
    p95_ms: Milliseconds | None = None
    p99_ms: Milliseconds | None = None
    samples_ms: tuple[Milliseconds, ...] = ()
    load_ms: Milliseconds | None = None
    peak_rss_mb: Rate | None = None
    output_megapixels_per_s: Rate | None = None
    threads: int | None = None
    note: str = ""
    roofline: Roofline | None = None
    kind: Literal["latency"] = "latency"
    FIGURE: ClassVar = ("artifact", "model_sha256")

    def __post_init__(self) -> None:
        measured = (self.p50_ms, self.p50_low_ms, self.p50_high_ms, self.output_megapixels_per_s)
        if any(value is not None and value <= 0 for value in (*measured, *self.samples_ms)):
            raise ValueError("expected times above zero")
        if any(value is None for value in measured) != (not self.samples_ms):
            raise ValueError("expected p50_ms, its interval, output_megapixels_per_s and samples_ms all or none")
        _require_inside("p50_ms", self.p50_low_ms, self.p50_ms, self.p50_high_ms)


@dataclass(frozen=True)
class RatioRecord(Identity):
    """Time of `artifact` divided by that of `other`, of one tile size, measured in the same rounds.

    `role` and `backend` are those of `artifact`, `other_role` and `other_backend` those of `other`. `required` is the
    user's `--require`, then `gate` is pass or fail; else `stated`.
    """

    artifact: str
    other: str
    model_sha256: str
    tile: tuple[Count, Count]
    ratio: Ratio
    ratio_low: Ratio
    ratio_high: Ratio
    order: Order
    gate: GateName
    reason: str
    required: str | None = None
    other_role: Role = field(kw_only=True)
    other_backend: str = field(kw_only=True)
    kind: Literal["ratio"] = "ratio"
    FIGURE: ClassVar = ("artifact", "other", "model_sha256", "required")

    def __post_init__(self) -> None:
        _require_inside("ratio", self.ratio_low, self.ratio, self.ratio_high)

    @property
    def other_identity(self) -> Identity:
        """What `other` is."""
        return Identity(role=self.other_role, backend=self.other_backend)


@dataclass(frozen=True)
class LimitRecord:
    """What the machine reached at most in the same rounds: `per_second` of `unit` (MAC, or B read and written)."""

    name: str
    unit: str
    per_second: Rate
    threads: int
    samples_ms: tuple[Milliseconds, ...]
    kind: Literal["limit"] = "limit"
    FIGURE: ClassVar = ("name", "threads")


def _require_inside(name: str, low: float | None, value: float | None, high: float | None) -> None:
    if low is not None and value is not None and high is not None and (low > value or value > high):
        raise ValueError(f"expected {name} within its interval")
