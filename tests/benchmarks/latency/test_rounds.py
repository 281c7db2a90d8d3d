from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gates.speed_gates import Timing
from benchmarks.latency.rounds import ALONE, WARMUP, Timed, bench, compare_all, steps
from benchmarks.records.latency import LatencyRecord
from benchmarks.subjects.subject import Contestant, Origin
from dlgsanet.errors import InputError
from runtimes.machine.power import supply
from runtimes.runner.contract import Runner

MODEL = Origin("model", "b" * 64, 2)
TILE = (8, 8)
PICTURES = {TILE: np.random.default_rng(1).random((1, 3, 8, 8), np.float32)}
Nearest = Callable[..., Runner]


def contestant(nearest: Nearest, name: str, **options: str) -> Contestant:
    return Contestant(name, "fp32", TILE, partial(nearest, name=name, **options), role="artifact", backend="fake")


def record(timed: Timed, artifact: str) -> LatencyRecord:
    (found,) = (record for record in timed.records if record.artifact == artifact)
    return found


def test_fast_and_slow_are_timed_in_the_same_rounds(nearest: Nearest) -> None:
    both = [contestant(nearest, "fast-fp32-8x8"), contestant(nearest, "slow-fp32-8x8", fault="slow")]
    done: list[str] = []
    timed = bench(both, PICTURES, MODEL, runs=12, step=done.append)
    assert len(done) == steps(both, 12) == 2 + WARMUP + 12
    fast, slow = record(timed, "fast-fp32-8x8"), record(timed, "slow-fp32-8x8")
    assert len(fast.samples_ms) == len(slow.samples_ms) == 12
    assert fast.p50_ms and slow.p50_ms and fast.p50_ms < 2 <= slow.p50_ms
    assert slow.p50_low_ms and slow.p50_high_ms and slow.p95_ms and slow.p99_ms
    assert slow.p50_low_ms <= slow.p50_ms <= slow.p50_high_ms <= slow.p99_ms and slow.p50_ms <= slow.p95_ms
    assert slow.output_megapixels_per_s == pytest.approx(256 / 1e3 / slow.p50_ms)
    assert slow.load_ms is not None and slow.gate == "pass"
    assert len(slow.alone_ms) == ALONE and slow.alone_p50_ms and slow.alone_p50_ms >= 2
    assert slow.best_ms == min(slow.p50_ms, slow.alone_p50_ms)
    assert slow.peak_rss_mb is None or 20 < slow.peak_rss_mb < 200
    assert slow.power and fast.power and slow.power.supply == fast.power.supply == supply()
    assert slow.power.joules is not None or slow.power.energy_source == "not told by this system"
    (ratio,) = compare_all(timed.timings, MODEL.sha256)
    assert (ratio.artifact, ratio.order, ratio.gate) == ("fast-fp32-8x8", "faster", "stated")


def test_the_energy_of_this_machine_is_not_that_of_a_server(nearest: Nearest) -> None:
    timed = bench([contestant(nearest, "far-fp32-8x8")], PICTURES, MODEL, runs=5, metered=False)
    assert timed.records[0].power and timed.records[0].power.energy_source == "a server did the work"


def test_a_log_of_power_is_read_in_the_child(nearest: Nearest, tmp_path: Path) -> None:
    log = tmp_path / "power.txt"
    log.write_text("Combined Power (CPU + GPU + ANE): 9000 mW\n")
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.05):
            with log.open("a") as stream:
                stream.write("Combined Power (CPU + GPU + ANE): 2000 mW\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        timed = bench([contestant(nearest, "slow-fp32-8x8", fault="slow")], PICTURES, MODEL, runs=5, power_log=log)
    finally:
        done.set()
        writer.join()
    (found,) = timed.records
    assert found.power and found.power.energy_source.startswith("powermetrics") and found.alone_p50_ms
    assert found.power.joules == pytest.approx(2.0 * found.alone_p50_ms / 1e3, rel=0.5)


def test_faults_become_records_and_the_rest_is_timed(nearest: Nearest) -> None:
    faults = {"missing": "not run", "crash": "fail", "black": "fail"}
    many = [contestant(nearest, f"{fault}-fp32-8x8", fault=fault) for fault in faults]
    many += [contestant(nearest, "good-fp32-8x8"), contestant(nearest, "liar-fp32-8x8", reported="bf16")]
    timed = bench(many, PICTURES, MODEL, runs=5)
    for fault, gate in faults.items():
        found = record(timed, f"{fault}-fp32-8x8")
        assert (found.gate, found.samples_ms, found.p50_ms) == (gate, (), None) and found.reason
    assert [line for line in timed.crashed if "SIGSEGV" in line] == list(timed.crashed) and len(timed.crashed) == 1
    assert record(timed, "good-fp32-8x8").gate == "pass"
    liar = record(timed, "liar-fp32-8x8")
    assert liar.gate == "fail" and "bf16" in liar.reason and liar.samples_ms
    assert {timing.name for timing in timed.timings} == {"good-fp32-8x8", "liar-fp32-8x8"}
    assert set(timed.missing) == {f"{fault}-fp32-8x8" for fault in faults}


def test_a_device_without_the_precision_is_not_timed(nearest: Nearest) -> None:
    opener = partial(nearest, name="lacks-fp32-8x8", reported="bf16", native=("bf16",))
    timed = bench(
        [Contestant("lacks-fp32-8x8", "fp32", TILE, opener, role="artifact", backend="lacks")], PICTURES, MODEL, runs=5
    )
    found = record(timed, "lacks-fp32-8x8")
    assert (found.gate, found.samples_ms) == ("not run", ()) and "has no fp32" in found.reason


def test_too_few_runs_are_refused(nearest: Nearest) -> None:
    with pytest.raises(InputError, match="at least 5 runs"):
        bench([contestant(nearest, "a-fp32-8x8")], PICTURES, MODEL, runs=4)


def test_different_tiles_are_not_compared() -> None:
    timings = [
        Timing("a-8x8", (8, 8), [1.0, 1.1], role="artifact", backend="a"),
        Timing("a-16x16", (16, 16), [4.0, 4.1], role="artifact", backend="a"),
    ]
    assert compare_all(timings, "") == []


def test_what_the_device_times_itself_is_noted(nearest: Nearest, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"upload": 0.25, "compute": 3.0}
    monkeypatch.setattr(Runner, "device_ms", lambda run: parts)
    timed = bench([contestant(nearest, "a-fp32-8x8")], PICTURES, MODEL, runs=5)
    assert record(timed, "a-fp32-8x8").note == "by the device's own events, medians in ms: upload 0.25, compute 3.00"


def test_compiling_is_no_part_of_loading(nearest: Nearest) -> None:
    compiled = record(
        bench([contestant(nearest, "a-fp32-8x8", fault="compiles")], PICTURES, MODEL, runs=5), "a-fp32-8x8"
    )
    plain = record(bench([contestant(nearest, "a-fp32-8x8")], PICTURES, MODEL, runs=5), "a-fp32-8x8")
    assert compiled.compile_ms == 30_000 and "compiling took 30 s" in compiled.note
    assert compiled.load_ms and plain.load_ms and compiled.load_ms < plain.load_ms + 900
    assert plain.compile_ms is None
