"""Each artifact as a share of what the machine reached in the same rounds (`runtimes.speed_limits`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.records.latency import LatencyRecord, LimitRecord, Roofline
from runtimes.bundle.manifest import Artifact
from runtimes.speed_limits import Limit


def limit_record(limit: Limit, samples: Sequence[float], threads: int) -> LimitRecord:
    """A limit from its times in ms: its fastest run counts, since only disturbances make one slower."""
    return LimitRecord(limit.name, limit.unit, limit.amount / (min(samples) / 1e3), threads, tuple(samples))


def with_shares(
    records: Sequence[LatencyRecord], artifacts: Sequence[Artifact], limits: Sequence[LimitRecord]
) -> tuple[LatencyRecord, ...]:
    """The records of artifacts whose manifest counts multiply-adds, with their counts and shares of the peak."""
    peaks = {limit.name: limit.per_second for limit in limits}
    known = {artifact.id: artifact for artifact in artifacts}
    return tuple(_shared(record, known.get(record.artifact), peaks) for record in records)


def _shared(record: LatencyRecord, artifact: Artifact | None, peaks: dict[str, float]) -> LatencyRecord:
    if artifact is None or artifact.graph.macs is None or artifact.graph.network_macs is None:
        return record
    network, lowered = artifact.graph.network_macs, artifact.graph.macs
    counted = replace(record, roofline=Roofline(network, lowered))
    peak = peaks.get(f"product-{artifact.backend}-{artifact.precision}")
    if peak is None or record.p50_ms is None:
        return counted
    seconds = record.p50_ms / 1e3
    return replace(record, roofline=Roofline(network, lowered, network / peak / seconds, lowered / peak / seconds))


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
