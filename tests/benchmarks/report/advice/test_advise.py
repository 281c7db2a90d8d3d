"""A card without advice says what is known and the command that would give it; machines are joined where they may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.records.latency import LatencyRecord
from benchmarks.records.result_file import ResultFile
from benchmarks.report.advice.advise import advise, missing
from benchmarks.report.advice.machines import Machine, machines, models
from tests.benchmarks.records.result_examples import BOARD, DESKTOP, accuracy, checked, latency, timed, two_machines

A, B = "openvino-fp32-128x128", "onnxruntime-fp32-128x128"
UNNAMED = replace(BOARD, machine="Small CPU, 4 cores")


def lines(*files: ResultFile, at: int = 0) -> tuple[str, ...]:
    everywhere = machines(files)
    model = models(files)[0]
    return missing(everywhere[at].of_model(model.sha256), model, everywhere)


def test_what_passed_but_was_not_timed_needs_bench() -> None:
    told = lines(checked(BOARD, [accuracy(A), accuracy(B)]))
    assert told == (
        f"Passed here, but not timed: {B}, {A}.",
        "To have advice: `dlgsanet bench BUNDLE --machine Board --json FILE.json`",
    )
    one = lines(checked(UNNAMED, [accuracy(A)]))
    assert one[-1] == f"To have advice: `dlgsanet bench BUNDLE --artifact {A} --json FILE.json`"
    odd = lines(checked(replace(BOARD, machine="my board; rm"), [accuracy(A)]))
    assert "--machine 'my board; rm'" in odd[-1]


def test_what_was_timed_but_not_judged_needs_check_and_says_where_it_passed() -> None:
    told = lines(timed(BOARD, [latency(A, 9), latency(B, 12)]), checked(DESKTOP, [accuracy(A)]))
    assert told[0].startswith(f"Timed here, but not judged: {B}, {A}; the fastest is {A} (")
    assert told[1:] == (
        "That one passed on Desktop.",
        "To have advice: `dlgsanet check BUNDLE --machine Board --json FILE.json`",
    )


def test_the_time_of_other_weights_is_said_as_such() -> None:
    other = timed(BOARD, [replace(it, model_sha256="d" * 64) for it in (latency(A, 9), latency(B, 12))])
    told = lines(checked(BOARD, [accuracy(A), accuracy(B)]), other)
    assert told[1].startswith(f"Of these, {A} was the fastest here with other weights of nano-x4 (dddddd): 9")
    assert len(lines(checked(BOARD, [accuracy(A)]), replace(other, environment=DESKTOP))) == 2  # not on this machine


def test_what_a_stand_in_computed_is_timed_on_its_own_device() -> None:
    told = lines(checked(BOARD, [replace(accuracy("coreml-fp16-128x128"), device="coreml-reference")]))
    assert told[0] == "Passed here, computed as their device would: coreml-fp16-128x128."
    assert told[1].startswith("Times come from such a device; there: `dlgsanet bench BUNDLE --artifact coreml-fp16")


def test_what_failed_needs_no_command_and_what_is_not_known_no_line() -> None:
    failed = (checked(BOARD, [accuracy(A, gate="fail")]), timed(BOARD, [latency(A, 9)]))
    assert lines(*failed) == (f"Judged here: {A}; none passed every accuracy gate.",)
    assert lines(failed[0]) == (f"Judged here: {A}; none passed every accuracy gate.",)
    assert (
        lines(timed(DESKTOP, [latency(A, 9)]), timed(BOARD, [replace(latency(A, 9), model_sha256="d" * 64)]), at=1)
        == ()
    )


def test_runs_of_one_machine_are_compared_through_what_both_have() -> None:
    """The board was half as fast in the newer run."""
    files = [
        replace(timed(BOARD, [latency(B, 60), latency("litert-fp32-128x128", 22)]), created="2026-01-02T00:00:00Z"),
        replace(timed(BOARD, [latency(B, 30), latency(A, 20)]), created="2026-01-01T00:00:00Z"),
        checked(BOARD, [accuracy(it) for it in (A, B, "litert-fp32-128x128")]),
    ]
    found = advise(machines(files)[0])
    assert found is not None and found.artifact == "litert-fp32-128x128"
    assert [line.partition(":")[0] for line in found.across] == [A]


def join(*packages: dict[str, str]) -> list[Machine]:
    files = [timed(replace(BOARD, packages=it), [latency(A, 9)]) for it in packages]
    return machines([replace(it, created=f"2026-01-0{day}T00:00:00Z") for day, it in enumerate(files, 1)])


def test_a_package_that_was_not_installed_makes_no_other_machine() -> None:
    (machine,) = join({"numpy": "1", "openvino": "1"}, {"numpy": "1"})
    assert machine.label == "Board" and machine.environment.packages == {"numpy": "1", "openvino": "1"}
    assert machine.notes == ("counted to it are results without openvino: what is not installed computed none",)


@pytest.mark.parametrize(
    "packages",
    [
        ({"numpy": "1"}, {"numpy": "2", "openvino": "1"}),
        ({"numpy": "1", "openvino": "1"}, {"numpy": "1"}, {"numpy": "1", "openvino": "2"}),
    ],
)
def test_another_version_does(packages: tuple[dict[str, str], ...]) -> None:
    """Also where a third one fits both."""
    assert len(join(*packages)) == 2


def test_what_fits_two_machines_is_counted_to_none() -> None:
    assert len(join({"numpy": "1", "openvino": "1"}, {"numpy": "1", "openvino": "2"}, {"numpy": "1"})) == 3


def test_the_advice_is_the_fastest_whose_gate_passed_on_that_machine() -> None:
    desktop, board = machines(two_machines())
    found = advise(desktop)
    assert found is not None and found.artifact == "openvino-bf16-128x128"  # fp16 is faster and failed
    assert found.speedup is not None and found.speedup.ratio == pytest.approx(18 / 240, rel=0.1)
    other = advise(board)
    assert other is not None and other.artifact == "onnxruntime-fp32-128x128"
    assert other.speedup is None


def test_no_advice_without_an_accuracy_on_that_machine() -> None:
    speed_only = timed(BOARD, [latency("openvino-fp32-128x128", 9)])
    assert advise(machines([speed_only])[0]) is None
    stated = checked(BOARD, [accuracy("openvino-fp32-128x128", gate="stated")])
    assert advise(machines([speed_only, stated])[0]) is None


def test_one_failed_data_set_is_enough_to_lose_the_advice() -> None:
    good, bad = (accuracy("a-fp32-128x128", gate=gate) for gate in ("pass", "fail"))
    bad = replace(bad, protocol=bad.protocol.replace("aaaaaaaa", "bbbbbbbb"))
    speed = timed(BOARD, [latency("a-fp32-128x128", 9)])
    assert advise(machines([speed, checked(BOARD, [good])])[0]) is not None
    assert advise(machines([speed, checked(BOARD, [good, bad])])[0]) is None


def test_what_cannot_be_told_apart_is_named() -> None:
    names = ["a-fp32-128x128", "b-fp32-128x128"]
    speed = timed(BOARD, [latency(name, 9, seed) for seed, name in enumerate(names)])
    both = checked(BOARD, [accuracy(name) for name in names])
    found = advise(machines([speed, both])[0])
    assert found is not None and {found.artifact, *found.like} == set(names)


def test_files_of_one_machine_are_put_together_and_the_newest_figure_stands() -> None:
    old = replace(timed(BOARD, [latency("a", 9)]), created="2026-01-01T00:00:00Z")
    new = timed(replace(BOARD, load_average=1.0), [latency("a", 5)])
    (machine,) = machines([new, old])
    assert [round(it.p50_ms) for it in machine.of(LatencyRecord) if it.p50_ms] == [5]
    assert len(machine.environments) == 2


def test_machines_of_one_name_stay_apart() -> None:
    files = [timed(replace(BOARD, packages={"numpy": v}), [latency("a", 9)]) for v in ("1", "2")]
    assert [machine.label for machine in machines(files)] == ["Board (1)", "Board (2)"]


def test_why_results_are_not_joined_is_said() -> None:
    board = checked(BOARD, [accuracy("a-fp32-128x128")])
    other = replace(BOARD, machine="Small CPU, 4 cores", packages={"numpy": "2.4.6"})
    speed = timed(other, [latency("a-fp32-128x128", 9)])
    assert [machine.notes for machine in machines([board, speed])][1] == (
        "not joined with Board: numpy 1.26.4 and 2.4.6",
    )
    desk = replace(board, environment=replace(BOARD, machine="Desk"))
    speed = replace(speed, environment=replace(other, packages=BOARD.packages))
    (_, _, unnamed) = machines([board, desk, speed])
    assert unnamed.label == "Small CPU, 4 cores" and len(unnamed.notes) == 2
    assert all("more than one --machine fits" in note for note in unnamed.notes)
