from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from benchmarks.records.latency import LatencyRecord, RatioRecord
from benchmarks.report import terminal as show
from runtimes.runner.fidelity.likeness import Likeness, ProbeFigures

E: Any = {"role": "artifact", "backend": "e"}
RATIO = RatioRecord(
    "a", "b", "", (8, 8), 0.5, 0.45, 0.55, "faster", "stated", "", other_role="artifact", other_backend="e", **E
)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(None, ".2f", "-"), (1.005, "+.1f", "+1.0"), (-1e-9, "+.4f", "0.0000"), (1e-9, "+.4f", "0.0000"), (-2, "g", "-2")],
)
def test_numbers(value: float | None, form: str, text: str) -> None:
    assert show.number(value, form) == text


def test_faster_is_said_only_where_the_record_says_it() -> None:
    assert show.ratio_line(RATIO).endswith("[0.450, 0.550] of the time of b: faster, 2.00 times")
    assert "slower, 2.00 times" in show.ratio_line(replace(RATIO, ratio=2.0, ratio_high=2.5, order="slower"))
    unclear = show.ratio_line(replace(RATIO, order="not separable"))
    assert "not separable" in unclear and "faster" not in unclear


def test_against_the_fastest_form_of_torch_if_any_was_timed() -> None:
    official = replace(RATIO, other="torch-official-8x8", other_role="peer", other_backend="torch")
    faster = replace(official, other="torch-official-compiled-8x8", ratio=0.8, ratio_low=0.7, ratio_high=0.9)
    required = replace(RATIO, required="a<b", gate="pass")
    for order in ([RATIO, official, faster, required], [RATIO, faster, official, required]):
        assert show.shown_ratios(order) == [faster, required]
    assert show.shown_ratios([RATIO]) == [RATIO]


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ({"bf16": 0.6, "int8": 0.4}, "60 % bf16, 40 % int8"),
        ({"bf16": 0.9993, "fp32": 0.0007}, "99.93 % bf16, 0.07 % fp32"),  # neither all nor nothing
        ({"fp32": 1.0}, "100 % fp32"),
        ({}, "-"),
    ],
)
def test_shares_of_the_work(shares: dict[str, float], text: str) -> None:
    assert show.macs(shares) == text


def test_equal_shares_have_one_line_and_what_did_not_run_has_none() -> None:
    one = LatencyRecord("a-8x8", "m", "", "fp32", (8, 8), "pass", "", mac_shares={"fp32": 1.0}, **E)
    gone = replace(one, artifact="c-8x8", gate="not run")
    assert show.mac_lines([one, replace(one, artifact="b-8x8"), gone]) == ["MACs: 100 % fp32: a-8x8, b-8x8"]


def test_names_are_text_and_no_markup() -> None:
    record = LatencyRecord("[red]a[/red]-8x8", "m", "", "fp32", (8, 8), "not run", "[bold]gone", **E)
    stream = io.StringIO()
    Console(width=150, file=stream).print(show.latency_table([record]))
    text = stream.getvalue()
    assert "[red]a[/red]-8x8" in text and "not run here" in text
    assert show.reasons([record]) == ["[red]a[/red]-8x8: not run here: [bold]gone"]


def test_artifacts_are_counted_in_the_order_of_concern() -> None:
    assert show.tally(["pass", "not run", "pass", "fail"]) == "1 failed, 2 passed, 1 not run"
    assert show.tally(["pass"] * 5 + ["not run"]) == "5 passed, 1 not run"


def test_what_eyes_see_is_one_line_with_the_worst_probe_tile() -> None:
    from tests.benchmarks.records.result_examples import accuracy

    seen = Likeness((0.01, -0.5, 0), 0.6, 1, 2, 3, 4, 5, "chelsea", 0.2, contrast=-0.0123)
    probes = (ProbeFigures("black", (0, 0, 0), 0.1), ProbeFigures("text", (0, 0, 0), 7.0))
    record = replace(accuracy("openvino-int8-128x128"), likeness=seen, probes=probes)
    line = show.likeness_line(record) or ""
    assert line.startswith("openvino-int8-128x128, levels of 255: shift +0.010 -0.500 0.000, ")
    assert "patch of chelsea 5.000" in line and "contrast -1.23 %" in line and "blacks -" in line
    assert line.endswith("worst patch of 2 probe tiles 7.000 (text)")
    assert show.likeness_line(accuracy("openvino-int8-128x128")) is None
