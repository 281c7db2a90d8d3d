"""What is judged of an artifact on the images: every fault must be seen, and none may hide another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.check import check
from benchmarks.gates.limits import Limits, LimitTable
from benchmarks.subjects.datasets import Dataset
from benchmarks.subjects.reference import ReferenceOutputs
from dlgsanet.errors import InputError
from runtimes.bundle.artifact_facts import Shown
from runtimes.runner.contract import RunInfo, UnfitError
from tests.benchmarks.accuracy.check.check_kit import MODEL, TILE, Nearest, record, subject


def test_an_exact_artifact_passes_and_is_called_identical(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    checked = check([subject(nearest())], dataset, reference, MODEL)
    found = record(checked)
    assert (found.gate, found.reason) == ("pass", "")
    assert found.identical and found.to_reference_db is None and found.to_reference_worst_db is None
    assert found.drop_db == 0.0 and len(found.images) == 4
    assert found.protocol.startswith("x2/y/b2/r8/bicubic-matlab8/t8x8+4s/")
    assert not checked.crashed


def test_every_image_has_its_row_and_the_worst_is_the_largest_in_size(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    found = record(check([subject(nearest(offset=0.02))], dataset, reference, MODEL))
    assert found.gate == "fail"
    assert found.to_reference_db == pytest.approx(20 * np.log10(1 / 0.02), abs=1e-3)
    drops = {row.image: row.drop_db for row in found.images}
    assert set(drops) == {"a", "b", "c", "d"}
    assert found.drop_db == pytest.approx(np.mean(list(drops.values())))
    assert found.worst_image == max(drops, key=lambda name: abs(drops[name]))
    assert found.worst_drop_db == drops[found.worst_image]


@pytest.mark.parametrize(("fault", "words"), [("black", "0 everywhere"), ("nan", "NaN")])
def test_an_output_that_is_no_picture_fails_the_gate_and_is_no_crash(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, fault: str, words: str
) -> None:
    checked = check([subject(nearest(fault=fault))], dataset, reference, MODEL)
    assert record(checked).gate == "fail" and words in record(checked).reason
    assert record(checked).reason.startswith("a: ")
    assert not checked.crashed


def test_an_engine_that_reports_another_precision_fails(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    found = record(check([subject(nearest(reported="bf16"))], dataset, reference, MODEL))
    assert found.gate == "fail" and "fp32 was requested, the engine reports bf16" in found.reason
    assert found.reported_precision == "bf16" and found.psnr_db is not None


def test_a_processor_that_spoils_int8_is_said_beside_the_verdict(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunInfo, "caution", "it overflows here")
    found = record(check([subject(nearest())], dataset, reference, MODEL))
    assert (found.gate, found.reason) == ("pass", "it overflows here")


def test_a_device_without_the_precision_is_not_run_but_one_that_has_it_gets_no_excuse(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    lacks = subject(nearest(reported="bf16", native=("bf16",)), "lacks-fp32-8x8")
    could = subject(nearest(reported="bf16", native=("fp32", "bf16")), "could-fp32-8x8")
    checked = check([lacks, could], dataset, reference, MODEL)
    found = record(checked, "lacks-fp32-8x8")
    assert found.gate == "not run" and found.psnr_db is None
    assert found.reason == "CPU has no fp32 on this machine (it has bf16); fake took bf16 instead"
    assert record(checked, "could-fp32-8x8").gate == "fail"


def test_one_artifact_missing_or_broken_does_not_stop_the_others(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, child_runners: object
) -> None:
    subjects = [
        subject(nearest(fault="missing"), "gone-fp32-8x8"),
        subject(nearest(fault="black"), "black-fp32-8x8"),
        subject(nearest(), "good-fp32-8x8"),
    ]
    checked = check(subjects, dataset, reference, MODEL)
    gone = record(checked, "gone-fp32-8x8")
    assert (gone.gate, gone.reason, gone.psnr_db, gone.device) == (
        "not run", "fake is not usable here; install it", None, None,
    )  # fmt: skip
    assert record(checked, "black-fp32-8x8").gate == "fail"
    assert record(checked, "good-fp32-8x8").gate == "pass"


@pytest.mark.parametrize("fault", ["crash", "crash on opening"])
def test_a_crashing_backend_is_told_and_does_not_stop_the_others(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, fault: str
) -> None:
    from functools import partial

    from benchmarks.subjects.isolated_runner import IsolatedRunner

    child = IsolatedRunner("bad-fp32-8x8", 2, (TILE,), partial(nearest, fault=fault))
    checked = check([subject(child, "bad-fp32-8x8"), subject(nearest())], dataset, reference, MODEL)
    assert record(checked, "bad-fp32-8x8").gate == "fail"
    assert "SIGSEGV" in record(checked, "bad-fp32-8x8").reason
    assert len(checked.crashed) == 1 and "SIGSEGV" in checked.crashed[0]
    assert record(checked).gate == "pass"


def test_less_than_at_birth_fails_and_names_both(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    none = LimitTable("none", {"fp32": Limits()})
    born = (Shown("a", 80.0, (0.0, 0.0, 0.0), 0.1), Shown("text", 33.0, (5.0, 5.0, 5.0), 5.0))
    late = replace(subject(nearest(offset=0.02)), birth=born)
    found = record(check([late], dataset, reference, MODEL, limits=none))
    assert found.gate == "fail"
    assert "a: 33.98 dB to the reference, 80.00 at birth; a: mean shift of red +5.10 levels, +0.00" in found.reason
    assert "text" not in found.reason  # no worse than it was
    assert record(check([subject(nearest(offset=0.02))], dataset, reference, MODEL, limits=none)).gate == "pass"


@pytest.mark.parametrize(
    ("error", "gate", "damaged"),
    [
        (UnfitError("an engine would get it wrong"), "not run", ()),
        (InputError("sha256 does not match"), "fail", ("sha256 does not match",)),
    ],
)
def test_an_artifact_that_is_refused_ends_nobody_elses_check(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, error: InputError, gate: str, damaged: tuple[str]
) -> None:
    class Refused(type(nearest())):  # type: ignore[misc]
        def _open(self) -> RunInfo:
            raise error

    checked = check([subject(Refused(), "bad-fp32-8x8"), subject(nearest())], dataset, reference, MODEL)
    assert (record(checked, "bad-fp32-8x8").gate, record(checked, "bad-fp32-8x8").reason) == (gate, str(error))
    assert record(checked).gate == "pass" and checked.damaged == damaged and not checked.crashed


def test_crops_show_every_source_for_the_first_images_and_the_worst(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    checked = check([subject(nearest(offset=0.02))], dataset, reference, MODEL)
    worst = record(checked).worst_image
    names = [crop.image for crop in checked.crops]
    assert names[:2] == ["a", "b"] and (worst in names)
    for crop in checked.crops:
        assert set(crop.pictures) == {"HR", "bicubic", "torch-reference-8x8", "fake-fp32-8x8"}
        assert crop.box[2:] == (30, 34)


def test_a_senseless_limit_is_refused_before_the_work(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    with pytest.raises(InputError, match="above 0 dB"):
        check([subject(nearest(fault="missing"))], dataset, reference, MODEL, max_drop_db=-1.0)
