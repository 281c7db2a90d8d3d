"""A card without advice says what is known and the command that would give it; machines are joined where they may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.records.result_file import ResultFile
from benchmarks.report.advice.advise import advise, missing
from benchmarks.report.advice.machines import Machine, machines, models
from tests.benchmarks.records.result_examples import BOARD, DESKTOP, accuracy, checked, latency, timed

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
