from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.latency.roofline import limit_record, lines, products, with_shares
from benchmarks.latency.speed_limits import Limit
from benchmarks.records.latency import LatencyRecord, LimitRecord, Roofline
from runtimes.bundle.artifact_facts import Cost
from runtimes.bundle.manifest import Artifact, Port

PORT = Port("lr", "NCHW", "float32", (0.0, 1.0), (1, 3, 64, 64))

Record = Callable[..., LatencyRecord]


def artifact(**graph: int) -> Artifact:
    return Artifact(
        id="e-fp32-64x64", backend="e", precision="fp32", variant=None, tile=(64, 64), path="p", files={}, input=PORT,
        output=PORT, lowering="basis", rewrites=(), hints={}, calibration_sha256=None, certificate=None,
        graph=Cost(**graph),
    )  # fmt: skip


def test_the_fastest_run_is_the_limit() -> None:
    found = limit_record(Limit("product-e-fp32", "MAC", 2e9, lambda: None), [30.0, 20.0, 25.0], 2)
    assert found.per_second == pytest.approx(1e11) and found.threads == 2 and found.samples_ms == (30.0, 20.0, 25.0)


def test_shares_are_of_the_own_engine_and_precision(record: Record) -> None:
    limits = [LimitRecord("product-e-fp32", "MAC", 1e11, 2, (1.0,)), LimitRecord("copy", "B", 1e10, 2, (1.0,))]
    (found,) = with_shares([record(64, 50.0)], [artifact(macs=2_000_000_000, network_macs=1_000_000_000)], limits)
    line = found.roofline
    assert line and line.peak_share == pytest.approx(0.2) and line.lowered_share == pytest.approx(0.4)
    assert line.network_macs == 1_000_000_000
    text = "\n".join(lines([found], limits))
    assert "20 % of the product peak" in text and "40 % as lowered" in text and "copy: 10.0 GB/s on 2" in text


def test_each_part_is_held_against_the_peak_of_what_it_ran_in(record: Record) -> None:
    """3/4 as INT8 at 4e11 and 1/4 as fp32 at 1e11: 2e9 multiply-adds take 3.75 + 5 ms of the 50."""
    limits = [
        LimitRecord(f"product-e-{part}", "MAC", peak, 2, (1.0,)) for part, peak in (("int8", 4e11), ("fp32", 1e11))
    ]
    int8 = replace(artifact(macs=2_000_000_000, network_macs=1_000_000_000), precision="int8")
    ran = replace(record(64, 50.0), mac_shares={"int8": 0.75, "fp32": 0.25})
    (found,) = with_shares([ran], [int8], limits)
    line = found.roofline
    assert line and line.lowered_share == pytest.approx(8.75 / 50) and line.peak_share == pytest.approx(8.75 / 100)
    (slow,) = with_shares([replace(ran, mac_shares={"fp32": 1.0})], [int8], limits)  # no integers were multiplied
    assert slow.roofline and slow.roofline.lowered_share == pytest.approx(20 / 50)
    (half,) = with_shares([ran], [int8], limits[:1])
    assert half.roofline and half.roofline.lowered_share is None
    assert products([int8, artifact()]) == [("e", "int8"), ("e", "fp32"), ("e", "fp32"), ("e", "fp32")]


def test_without_counts_or_a_limit_there_is_no_share(record: Record) -> None:
    assert with_shares([record(64, 50.0)], [artifact()], []) == (record(64, 50.0),)
    (found,) = with_shares([record(64, 50.0)], [artifact(macs=2, network_macs=1)], [])
    assert found.roofline == Roofline(network_macs=1, lowered_macs=2)
    unknown = replace(record(64, 50.0), artifact="torch-official-64x64")
    assert with_shares([unknown], [artifact(macs=2, network_macs=1)], []) == (unknown,)
