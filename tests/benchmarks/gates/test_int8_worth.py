"""INT8 that does not pay is called so, from figures of the same rounds only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.gates.int8_worth import int8_lines
from benchmarks.latency.rounds import compare_all, timing
from benchmarks.records.latency import LatencyRecord, RatioRecord
from tests.benchmarks.records.result_examples import SHA, latency


def timed(int8_ms: float, names: tuple[str, str] = ("openvino-bf16-128x128", "openvino-int8-mixed-128x128")) -> tuple[
    list[LatencyRecord], list[RatioRecord]
]:  # fmt: skip
    sixteen, eight = names
    records = [
        replace(latency(sixteen, 20, 1), precision="bf16"),
        replace(latency(eight, int8_ms, 2), precision="int8-mixed"),
    ]
    return records, list(compare_all([timing(it) for it in records], SHA))


@pytest.mark.parametrize(
    ("int8_ms", "said"),
    [(10.0, "mixed-128x128: worth it here: 2.0"), (19.5, "not worth it here (that takes 1.15): 1.0")],
)
def test_what_is_said(int8_ms: float, said: str) -> None:
    (line,) = int8_lines(*timed(int8_ms))
    assert said in line and line.endswith("times as fast as openvino-bf16-128x128")


def test_figures_of_other_runs_are_not_compared() -> None:
    records, _ = timed(10.0)
    assert int8_lines(records, []) == []


def test_backends_are_not_mixed() -> None:
    assert int8_lines(*timed(10.0, ("openvino-bf16-128x128", "onnxruntime-int8-128x128"))) == []


def test_weights_only_int8_is_not_judged_by_speed() -> None:
    records, ratios = timed(30.0)
    records[1] = replace(records[1], precision="int8w")
    assert int8_lines(records, ratios) == []
