"""The verb `bench` around fake runners: what is printed, written and returned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import run_bench
from benchmarks.latency import plan, plane
from benchmarks.latency.options import BenchOptions
from benchmarks.records.environment import describe_environment
from benchmarks.records.latency import LatencyRecord, PlaneRecord, RatioRecord
from benchmarks.records.result_file import read_result
from benchmarks.report.page import render
from dlgsanet.errors import (
    BackendError,
    EdgeError,
    GateError,
    InputError,
    SpeedGateError,
    UnavailableError,
)
from dlgsanet.imaging.photographs import FOLDER

Run = Callable[..., None]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, child_runners: ModuleType, tmp_path: Path) -> Run:
    """Benches a bundle with these variants of fake runners; the file is `r.json`."""
    from tests.benchmarks.bundles import make_bundle

    monkeypatch.setattr(plan, "open_runner", child_runners.open_fake)

    def bench(variants: tuple[str | None, ...], **options: tuple[str, ...]) -> None:
        folder = make_bundle(tmp_path / "bundle", variants)
        run_bench.run_bench(replace(BenchOptions(folder, runs=5, json=tmp_path / "r.json"), **options))  # type: ignore[arg-type]

    return bench


def test_a_speed_gate_that_holds(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run((None, "slow"), require=("fake-fp32-8x8<0.9*fake-fp32-slow",))
    text = capsys.readouterr().out
    assert "fake-fp32-8x8<0.9*fake-fp32-slow: pass: " in text and "faster" in text
    found = read_result(tmp_path / "r.json")
    assert [it.gate for it in found.of(LatencyRecord)] == ["pass", "pass"]
    assert [it.required for it in found.of(RatioRecord)] == [None, "fake-fp32-8x8<0.9*fake-fp32-slow"]


@pytest.mark.parametrize(
    ("variants", "options", "kind", "words"),
    [
        ((None, "slow"), {"require": ("fake-fp32-slow<fake-fp32-8x8",)}, SpeedGateError, "not shown .* upper end"),
        ((None, "missing"), {"require": ("fake-fp32-missing<fake-fp32-8x8",)}, UnavailableError, "not usable"),
        (("missing",), {}, UnavailableError, "could not be timed here"),
        ((None, "missing"), {"artifacts": ("fake-fp32-missing",)}, UnavailableError, "could not be timed"),
        ((None, "crash"), {}, BackendError, "SIGSEGV"),
        ((None, "changed"), {}, InputError, "changed"),
        ((None, "nan"), {}, GateError, "NaN"),
    ],
)
def test_the_exit_follows_the_worst_and_what_was_measured_is_kept(
    run: Run,
    tmp_path: Path,
    variants: tuple[str | None, ...],
    options: dict[str, tuple[str, ...]],
    kind: type[EdgeError],
    words: str,
) -> None:
    with pytest.raises(kind, match=words):
        run(variants, **options)
    assert read_result(tmp_path / "r.json").of(LatencyRecord)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"require": ("a<=b",)}, "expected --require like"),
        ({"peers": ("oficial",)}, "did you mean official"),
        ({"artifacts": ("nothing",)}, "unknown artifact"),
        ({"require": ("fake-fp32<fakr-fp32",)}, "unknown name in --require 'fakr-fp32'"),
        ({"require": ("fake-fp32<0.9*torch-official",)}, "add it as a --peer"),
        ({"require": ("fake-fp32<fake-fp32-8x8",)}, "one twice"),
    ],
)
def test_wrong_usage_is_refused_before_any_work(
    run: Run, tmp_path: Path, options: dict[str, tuple[str, ...]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run((None,), **options)
    assert not (tmp_path / "r.json").exists()


def test_a_busy_machine_is_warned_of(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = replace(describe_environment(), load_average=9.0, threads=2)
    monkeypatch.setattr(run_bench, "describe_environment", lambda machine: busy)
    run((None,))
    assert "warning: this machine is busy (load 9.0 on 2 cores)" in capsys.readouterr().err


def test_several_networks_are_placed_on_one_plane(
    monkeypatch: pytest.MonkeyPatch, child_runners: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.benchmarks.latency.test_networks import bundle

    monkeypatch.setattr(plan, "open_runner", child_runners.open_fake)
    for module in (run_bench, plane):
        monkeypatch.setattr(module, "DEFAULT_OVERLAP", 4)
    one, other = bundle(tmp_path / "one", "a-x2", "a" * 64), bundle(tmp_path / "other", "b-x2", "b" * 64)
    result = tmp_path / "r.json"
    rule = "a-x2-fake-fp32<9*b-x2-fake"
    run_bench.run_bench(BenchOptions(one, more=(other,), runs=5, json=result, require=(rule,)))
    text = capsys.readouterr().out
    assert text.startswith("a-x2, b-x2: one tile") and "the best choice is " in text and " is beaten: " in text
    found = read_result(result)
    assert [(it.artifact, it.model) for it in found.of(LatencyRecord)] == [
        ("fake-fp32-8x8", "a-x2"),
        ("fake-fp32-8x8", "b-x2"),
    ]
    (placed,) = found.of(PlaneRecord)
    assert {it.artifact for it in placed.points} == {"a-x2-fake-fp32-8x8", "b-x2-fake-fp32-8x8"}
    assert placed.dataset == found.datasets[0].name == "shipped photographs" and placed.tile == (8, 8)
    assert [(it.required, it.artifact) for it in found.of(RatioRecord)] == [(rule, "a-x2-fake-fp32-8x8")]
    page = render([found])
    assert page.count('id="plane"') == 1 and "Accuracy on shipped photographs over the time of a 8x8 tile" in page


def test_one_bundle_is_placed_where_data_are_given(
    monkeypatch: pytest.MonkeyPatch, child_runners: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.benchmarks.bundles import make_bundle

    monkeypatch.setattr(plan, "open_runner", child_runners.open_fake)
    place, result = make_bundle(tmp_path / "one"), tmp_path / "r.json"
    run_bench.run_bench(BenchOptions(place, data=FOLDER, runs=5, json=result))
    assert read_result(result).of(PlaneRecord) == ()
    said = "fake-fp32-8x8 is not on the plane: overlap 8 must be smaller than the tile"
    assert said in capsys.readouterr().err
    run_bench.run_bench(BenchOptions(place, runs=5, json=result))
    assert "accuracy against time" not in capsys.readouterr().out
