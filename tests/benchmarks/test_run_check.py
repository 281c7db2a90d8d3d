"""The verb `check` around fake runners: what is printed, written and returned."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import run_check
from benchmarks.accuracy import plan
from benchmarks.accuracy.options import CheckOptions
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.result_file import read_result
from benchmarks.subjects.reference import StoredReference
from dlgsanet.errors import BackendError, GateError, InputError, UnavailableError
from runtimes.bundle.artifact_facts import Birth, Shown
from runtimes.bundle.manifest import MANIFEST, manifest_json, read_manifest

Make = Callable[..., Path]


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, child_runners: ModuleType, tmp_path: Path) -> Make:
    """Makes bundles whose artifacts are fake runners, as on a machine without torch."""
    from tests.benchmarks.bundles import make_bundle

    monkeypatch.setattr(plan, "open_runner", child_runners.open_fake)
    monkeypatch.setattr(plan, "open_reference", lambda *_: StoredReference("stored", 4))
    return lambda *variants: make_bundle(tmp_path / "bundle", variants or (None,))


def test_all_good_prints_a_table_and_writes_the_file(
    bundle: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "out" / "accuracy.json"
    run_check.run_check(CheckOptions(bundle(), json=result, machine="board"))
    text = capsys.readouterr().out
    assert "fake-fp32-8x8" in text and "pass" in text
    assert "data: parity pack, 2 images, LR given; a: noise (CC0)" in text
    assert "reference: stored" in text and "x2/y/b2/r8/given/t8x8+4s/" in text
    assert "torch-reference-8x8: not run here: what tiling costs was not measured" in text
    found = read_result(result)
    assert found.environment.machine == "board"
    assert [it.gate for it in found.of(AccuracyRecord)] == ["pass", "not run"]
    assert found.datasets[0].images == 2 and len(found.crops) == 2
    assert found.of(AccuracyRecord)[0].model == "tiny-x2"


@pytest.mark.parametrize(
    ("variants", "kind", "words"),
    [
        ((None, "black"), GateError, r"^1 of 3 accuracy gates failed: fake-fp32-black-8x8$"),
        (("missing",), UnavailableError, "nothing could be checked here: fake-fp32-missing-8x8: fake is not usable"),
        ((None, "crash", "black"), BackendError, "SIGSEGV"),
    ],
)
def test_the_exit_follows_the_worst_and_the_file_is_written_all_the_same(
    bundle: Make,
    tmp_path: Path,
    variants: tuple[str | None, ...],
    kind: type[Exception],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(kind, match=words):
        run_check.run_check(CheckOptions(bundle(*variants), json=tmp_path / "r.json"))
    assert len(read_result(tmp_path / "r.json").of(AccuracyRecord)) == len(variants) + 1
    text = capsys.readouterr().out
    assert all(variant is None or f"fake-fp32-{variant}-8x8: " in text for variant in variants)


def test_something_missing_beside_something_good_is_good_but_said(
    bundle: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    run_check.run_check(CheckOptions(bundle(None, "missing")))
    text = capsys.readouterr().out
    assert "fake-fp32-missing-8x8: not run here: fake is not usable here" in text
    assert text.endswith("\n1 passed, 1 not run\n")


def test_a_changed_artifact_is_exit_2_after_the_verdict_of_the_others(
    bundle: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="changed"):
        run_check.run_check(CheckOptions(bundle(None, "changed", "black")))
    assert capsys.readouterr().out.endswith("\n2 failed, 1 passed\n")


def test_bicubic_stands_beside_the_figures(bundle: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check.run_check(CheckOptions(bundle(), json=tmp_path / "r.json"))
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("bicubic"))
    (record, _) = read_result(tmp_path / "r.json").of(AccuracyRecord)
    assert f"{record.bicubic_psnr_db:.3f}" in row and record.likeness is not None


def test_limits_of_ones_own_judge_and_are_named_in_the_result(bundle: Make, tmp_path: Path) -> None:
    limits = tmp_path / "mine.toml"
    limits.write_text("[fp32]\nto_reference_mean_db = 1000\nshift = 0")
    with pytest.raises(GateError, match="1 of 2"):
        run_check.run_check(CheckOptions(bundle(), limits=limits, json=tmp_path / "r.json"))
    record = read_result(tmp_path / "r.json").of(AccuracyRecord)[0]
    assert "mean shift of red" in record.reason and record.limits not in (None, "default")


def test_what_the_reference_shows_is_no_artifacts_failure(bundle: Make, tmp_path: Path) -> None:
    run_check.run_check(CheckOptions(bundle(), json=tmp_path / "r.json"))
    result = read_result(tmp_path / "r.json")
    artifact, tiling = result.of(AccuracyRecord)
    costly = replace(tiling, gate="fail", reason="tiling drop |0.1| dB > 0.02")
    with pytest.raises(GateError, match=r"^no artifact failed, but torch-reference-8x8 did: tiling drop"):
        run_check.conclude(run_check.Findings(replace(result, records=(artifact, costly)), ()), ())
    both = (replace(artifact, gate="fail", reason="dots"), costly)
    with pytest.raises(GateError, match=r"^2 of 2 accuracy gates failed: fake-fp32-8x8, torch-.*\(tiling drop"):
        run_check.conclude(run_check.Findings(replace(result, records=both), ()), ())
    idle = replace(artifact, gate="not run", reason="no such device")
    with pytest.raises(UnavailableError, match="no such device"):
        run_check.conclude(run_check.Findings(replace(result, records=(idle, costly)), ()), ())


def test_what_is_asked_for_by_name_must_run(bundle: Make) -> None:
    folder = bundle(None, "missing")
    run_check.run_check(CheckOptions(folder, artifacts=("fake-fp32-8x8",)))
    with pytest.raises(UnavailableError, match="fake-fp32-missing"):
        run_check.run_check(CheckOptions(folder, artifacts=("fake-fp32-8x8", "fake-fp32-missing")))


def test_an_unknown_artifact_is_refused_with_a_suggestion(bundle: Make) -> None:
    with pytest.raises(InputError, match=r"unknown artifact 'fake-fp23'; .* did you mean fake-fp32-8x8"):
        run_check.run_check(CheckOptions(bundle(), artifacts=("fake-fp23",)))


def test_two_kinds_of_data_are_refused(bundle: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found both"):
        run_check.run_check(CheckOptions(bundle(), data=tmp_path, photographs=True))


def test_a_changed_byte_in_the_pack_is_refused(bundle: Make) -> None:
    folder = bundle()
    path = folder / "reference" / "b.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"reference/b\.npy"):
        run_check.run_check(CheckOptions(folder))


def test_a_newer_bundle_is_refused(bundle: Make) -> None:
    folder = bundle()
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(InputError, match="99"):
        run_check.run_check(CheckOptions(folder))


def test_birth_is_compared_on_the_bundles_own_pack_only(bundle: Make, tmp_path: Path) -> None:
    place = bundle()
    manifest = read_manifest(place)
    born = Birth("CPU", {}, (Shown("a", 90.0, (0.0, 0.0, 0.0), 0.0),))
    (artifact,) = manifest.artifacts
    text = manifest_json(replace(manifest, artifacts=(replace(artifact, birth=born),)))
    (place / MANIFEST).write_text(text)
    (own,) = plan.plan_check(CheckOptions(place)).subjects
    (tmp_path / "HR").mkdir()
    shutil.copy(place / "reference" / "a_hr.png", tmp_path / "HR")
    (other,) = plan.plan_check(CheckOptions(place, data=tmp_path)).subjects
    assert own.birth == born.shown and other.birth == ()
    run_check.run_check(CheckOptions(place))
    (place / MANIFEST).write_text(text.replace("90.0", "89.0").replace('"patch": 0.0', '"patch": 1.0'))
    run_check.run_check(CheckOptions(place))  # better than at birth
