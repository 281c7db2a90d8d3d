"""Records of `bench`: times, their ratios, accuracy against time, whole jobs, and what the machine reached in the same
rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Annotated, ClassVar, Literal

from benchmarks.records.accuracy import Decibels, Similarity
from benchmarks.records.gate_name import GateName
from benchmarks.records.identity import Identity, Named, Role, Run
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
class PowerState:
    """What the machine ran on while it was measured: mains or battery, the frequency governor, temperatures (by zone,
    degrees Celsius) before and after all rounds; null or empty where the system does not tell. `joules` of one tile, of
    what `energy_source` says, taken in the process of its own; idle power is in it."""

    energy_source: str
    joules: float | None = None
    supply: Literal["mains", "battery"] | None = None
    governor: str | None = None
    celsius_before: Mapping[str, float] = field(default_factory=dict)
    celsius_after: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LatencyRecord(Run):
    """One tile through one artifact, end to end on the host. `p50_low_ms`, `p50_high_ms`: the median's 95 %
    interval.

    `load_ms` and `peak_rss_mb` (10^6 bytes) come from a process of its own, the backend's import included; in it were
    taken `alone_ms`, too, with no other engine open. `compile_ms`: what a compiler took besides, where one ran. `power`
    is null where nothing ran, and in files of before it was told."""

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
    alone_ms: tuple[Milliseconds, ...] = ()
    compile_ms: Milliseconds | None = None
    power: PowerState | None = None
    kind: Literal["latency"] = "latency"
    FIGURE: ClassVar = ("artifact", "model_sha256")

    def __post_init__(self) -> None:
        measured = (self.p50_ms, self.p50_low_ms, self.p50_high_ms, self.output_megapixels_per_s)
        if any(value is not None and value <= 0 for value in (*measured, *self.samples_ms)):
            raise ValueError("expected times above zero")
        if any(value is None for value in measured) != (not self.samples_ms):
            raise ValueError("expected p50_ms, its interval, output_megapixels_per_s and samples_ms all or none")
        _require_inside("p50_ms", self.p50_low_ms, self.p50_ms, self.p50_high_ms)

    @property
    def alone_p50_ms(self) -> float | None:
        """The median with no other engine open; None where that was not measured."""
        return median(self.alone_ms) if self.alone_ms else None

    @property
    def best_ms(self) -> float | None:
        """The better of the medians: in the rounds, and alone."""
        return min((it for it in (self.p50_ms, self.alone_p50_ms) if it is not None), default=None)


@dataclass(frozen=True)
class RatioRecord(Identity):
    """Time of `artifact` divided by that of `other`, of one tile size, measured in the same rounds; `apart`: by the
    better measurement of each, in the rounds or alone.

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
    apart: bool = False
    kind: Literal["ratio"] = "ratio"
    FIGURE: ClassVar = ("artifact", "other", "model_sha256", "required")

    def __post_init__(self) -> None:
        _require_inside("ratio", self.ratio_low, self.ratio, self.ratio_high)

    @property
    def against_torch(self) -> bool:
        """Whether `other` is the same network in PyTorch."""
        return Identity(role=self.other_role, backend=self.other_backend).is_torch

    def turned(self) -> RatioRecord:
        """The same, of `other` to `artifact`."""
        orders: dict[Order, Order] = {"faster": "slower", "slower": "faster", "not separable": "not separable"}
        return replace(
            self,
            artifact=self.other,
            role=self.other_role,
            backend=self.other_backend,
            other=self.artifact,
            other_role=self.role,
            other_backend=self.backend,
            ratio=1 / self.ratio,
            ratio_low=1 / self.ratio_high,
            ratio_high=1 / self.ratio_low,
            order=orders[self.order],
        )


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


def to_torch(ratios: Sequence[RatioRecord]) -> list[RatioRecord]:
    """Of everything that is not torch, its ratios to every form of torch that was timed; no requirements."""
    stated = [it for it in ratios if it.required is None]
    both_ways = (*stated, *(it.turned() for it in stated))
    return [it for it in both_ways if it.against_torch and not it.is_torch]


def to_best_torch(ratios: Sequence[RatioRecord]) -> dict[str, RatioRecord]:
    """By name, the ratio to the form of torch that is fastest beside it: what a headline may say."""
    best: dict[str, RatioRecord] = {}
    for it in to_torch(ratios):
        if it.artifact not in best or it.ratio > best[it.artifact].ratio:
            best[it.artifact] = it
    return best


@dataclass(frozen=True)
class NetworkPoint:
    """One artifact or peer of one network: the median of its times, and what it reaches on the data set. `artifact` is
    what it was called in the run."""

    model: str
    model_sha256: str
    artifact: str
    p50_ms: Milliseconds
    psnr_db: Decibels
    ssim: Similarity | None

    @property
    def network(self) -> str:
        """What sentences call it."""
        return self.artifact


@dataclass(frozen=True)
class PlaneRecord:
    """Accuracy against time in one tile size: everything was timed in the same rounds and scored on the same images,
    through the same tiles, from the fastest."""

    tile: tuple[Count, Count]
    dataset: str
    protocol: str
    points: tuple[NetworkPoint, ...]
    kind: Literal["plane"] = "plane"
    FIGURE: ClassVar = ("protocol", "named")

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Whom it compares."""
        return tuple(sorted((it.artifact, it.model_sha256) for it in self.points))


@dataclass(frozen=True)
class JobRecord(Named):
    """A whole job of `upscale`: `seconds` from the first stage to the last, of `images` pictures or frames, after
    `start_seconds` of planning and opening.

    `stages_ms`: busy times of the stages; those of several threads overlap, so they may add up to more. `waiting_ms`:
    what the thread with the engine waited for the others. `joules` of what `energy_source` says, over `seconds` and
    the opening. `supply`, `governor` and the temperatures (by zone, degrees Celsius) are null or empty where the system
    does not tell them.
    """

    job: Literal["picture", "folder", "video"]
    images: Count
    input_megapixels: Rate
    output_megapixels: Rate
    start_seconds: float
    seconds: Rate
    stages_ms: Mapping[str, float]
    waiting_ms: float
    energy_source: str
    joules: float | None = None
    supply: Literal["mains", "battery"] | None = None
    celsius_before: Mapping[str, float] = field(default_factory=dict)
    celsius_after: Mapping[str, float] = field(default_factory=dict)
    device: str | None = None
    reported_precision: str | None = None
    threads: int | None = None
    peak_rss_mb: Rate | None = None
    governor: str | None = None
    kind: Literal["job"] = "job"
    FIGURE: ClassVar = ("artifact", "model_sha256", "job", "images", "input_megapixels")

    @property
    def output_megapixels_per_s(self) -> float:
        """Of the whole job after its start."""
        return self.output_megapixels / self.seconds

    @property
    def images_per_s(self) -> float:
        """Pictures or frames."""
        return self.images / self.seconds

    @property
    def engine_share(self) -> float:
        """The engine's part of the time: 1 would be the engine's speed."""
        return self.stages_ms.get("engine", 0.0) / 1e3 / self.seconds


def _require_inside(name: str, low: float | None, value: float | None, high: float | None) -> None:
    if low is not None and value is not None and high is not None and (low > value or value > high):
        raise ValueError(f"expected {name} within its interval")
