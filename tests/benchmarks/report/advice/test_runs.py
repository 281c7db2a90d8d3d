"""What was timed in different runs is compared through what both have, or not at all."""

from __future__ import annotations

import pytest

from benchmarks.records.latency import LatencyRecord
from benchmarks.report.advice.runs import compare_runs
from tests.benchmarks.records.result_examples import latency, missing_latency

ANCHOR, FIRST, SECOND, THIRD = (f"{name}-fp32-128x128" for name in ("onnxruntime", "openvino", "litert", "tensorrt"))
ALL = {ANCHOR, FIRST, SECOND, THIRD}


def run(**ms: float) -> list[LatencyRecord]:
    names = {"anchor": ANCHOR, "first": FIRST, "second": SECOND, "third": THIRD}
    return [latency(names[name], each, seed) for seed, (name, each) in enumerate(ms.items())]


def test_a_slower_run_does_not_make_an_artifact_slower() -> None:
    """By its own time the second one is slower than the first; but the machine was half as fast."""
    main, other = run(anchor=30, first=20), run(anchor=60, second=30)
    found = compare_runs([main, other, run(anchor=30, first=20)], ALL)
    assert found is not None and found.fastest.artifact == SECOND
    assert found.rates[SECOND] == pytest.approx(262.144 / 15, rel=0.05)
    assert found.fastest.p50_ms == pytest.approx(30, rel=0.05)  # the card shows what was measured
    assert found.lines()[0].startswith(f"{SECOND}: timed in another run, compared through {ANCHOR}, which both have (")


def test_a_faster_run_does_not_make_an_artifact_faster() -> None:
    found = compare_runs([run(anchor=15, second=15), run(anchor=30, first=20)], ALL)
    assert found is not None and found.fastest.artifact == FIRST  # the second one would take 30 ms there


def test_an_anchor_need_not_have_passed() -> None:
    found = compare_runs([run(anchor=15, second=5), run(anchor=30, first=20)], {FIRST, SECOND})
    assert found is not None and found.fastest.artifact == SECOND and set(found.rates) == {FIRST, SECOND}


def test_what_shares_nothing_is_not_compared_and_the_command_that_would_is_said() -> None:
    found = compare_runs([run(second=1), run(anchor=30, first=20)], ALL)
    assert found is not None and found.fastest.artifact == FIRST and SECOND not in found.rates
    (line,) = found.lines()
    assert line.startswith(f"{SECOND}: timed in a run that shares no artifact with this one, so not compared; ")
    assert f"`dlgsanet bench BUNDLE --artifact {FIRST} --artifact {SECOND}`" in line


def test_one_run_has_nothing_to_explain_and_the_newest_of_two_equal_ones_stands() -> None:
    found = compare_runs([run(anchor=30, first=20), run(anchor=30, first=10)], ALL)
    assert found is not None and found.lines() == () and found.fastest.p50_ms == pytest.approx(10, rel=0.05)


def test_what_did_not_run_or_pass_is_nobody() -> None:
    assert compare_runs([], ALL) is None
    assert compare_runs([[missing_latency(FIRST, "not here")]], ALL) is None
    assert compare_runs([run(first=20)], {SECOND}) is None
