"""Each artifact as a share of what the machine reached in the same rounds (`benchmarks.latency.speed_limits`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.latency.speed_limits import Limit
from benchmarks.records.latency import LatencyRecord, LimitRecord, Roofline
from runtimes.bundle.manifest import Artifact

PARTS = {"int8": ("int8", "fp32"), "int8-mixed": ("int8", "bf16", "fp32"), "int8w": ("fp32",)}
"""What the engines compute inside artifacts of a precision, where that is not the precision itself beside fp32."""


def limit_record(limit: Limit, samples: Sequence[float], threads: int) -> LimitRecord:
    """A limit from its times in ms: its fastest run counts, since only disturbances make one slower."""
    return LimitRecord(limit.name, limit.unit, limit.amount / (min(samples) / 1e3), threads, tuple(samples))


def products(artifacts: Sequence[Artifact]) -> list[tuple[str, str]]:
    """The (backend, precision) of all products that the artifacts' work may be held against."""
    return [(it.backend, part) for it in artifacts for part in PARTS.get(it.precision, (it.precision, "fp32"))]


def with_shares(
    records: Sequence[LatencyRecord], artifacts: Sequence[Artifact], limits: Sequence[LimitRecord]
) -> tuple[LatencyRecord, ...]:
    """The records of artifacts whose manifest counts multiply-adds, with their counts and shares of the peak.

    The work is held against the product of the precision in which the engine says that it ran (`mac_shares`), each part
    against its own: INT8 counts as INT8 only where integers were multiplied.
    """
    peaks = {limit.name: limit.per_second for limit in limits}  # by `product-<backend>-<precision>`
    known = {artifact.id: artifact for artifact in artifacts}
    return tuple(_shared(record, known.get(record.artifact), peaks) for record in records)


def _shared(record: LatencyRecord, artifact: Artifact | None, peaks: dict[str, float]) -> LatencyRecord:
    if artifact is None or artifact.graph.macs is None or artifact.graph.network_macs is None:
        return record
    network, lowered = artifact.graph.network_macs, artifact.graph.macs
    counted = replace(record, roofline=Roofline(network, lowered))
    parts = record.mac_shares or {artifact.precision: 1.0}
    reached = {part: peaks.get(f"product-{artifact.backend}-{part}") for part in parts}
    if record.p50_ms is None or None in reached.values():
        return counted
    each = sum(share / peak for part, share in parts.items() if (peak := reached[part])) * 1e3 / record.p50_ms
    return replace(record, roofline=Roofline(network, lowered, network * each, lowered * each))


def lines(records: Sequence[LatencyRecord], limits: Sequence[LimitRecord]) -> list[str]:
    """What `bench` prints of it."""
    said = [
        f"{limit.name}: {limit.per_second / 1e9:.1f} G{limit.unit}/s on {limit.threads} threads" for limit in limits
    ]
    for record in records:
        line = record.roofline
        if line is None or line.peak_share is None or line.lowered_share is None:
            continue
        said.append(
            f"{record.artifact}: {100 * line.peak_share:.0f} % of the product peak for the network's "
            f"{line.network_macs / 1e9:.2f} GMAC, {100 * line.lowered_share:.0f} % as lowered"
        )
    return said
