"""Each artifact is timed in a process of its own kind: what cannot run, crashes or shows less has a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtimes.bundle.artifact_facts import Birth
from runtimes.bundle.manifest import manifest_json, read_manifest
from runtimes.runner.contract import RunOptions
from runtimes.runner.fidelity.birth import shown
from runtimes.runner.fidelity.probe_store import save_probes
from runtimes.runner.fidelity.probes import AT_BIRTH, probe
from runtimes.upscale import trial as trying
from runtimes.upscale.trial import FamilyTime, TimingJob, trials, try_all

pytest.importorskip("onnxruntime")


def tried(bundle: Path, *families: str) -> list[FamilyTime]:
    return list(trials(TimingJob(str(bundle), families, "CPU", 1)))


def test_what_runs_is_timed_and_what_does_not_has_a_reason(bundle: Path, kit) -> None:
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    families = [artifact.family for artifact in read_manifest(bundle).artifacts]
    found = try_all(bundle, families, RunOptions(threads=1), lambda family: None)
    assert [trial.family for trial in found] == families
    assert found[0].ms is None
    assert any(trial.ms is not None and 0 < trial.ms < 1e3 for trial in found)
    assert all((trial.ms is None) == bool(trial.reason) for trial in found)


def test_one_that_crashes_is_passed_over_and_the_others_go_on(bundle: Path, monkeypatch) -> None:
    """The child of the second round starts behind the one that ended the first."""
    asked = []

    def ask(job, note):
        asked.append(job.given["families"])
        for family in job.given["families"]:
            if family == "b":
                raise trying.BackendError("its process ended (SIGSEGV)")
            note(f'{{"family": "{family}", "ms": 1.0, "reason": ""}}')

    monkeypatch.setattr(trying, "ask", ask)
    found = try_all(bundle, ["a", "b", "c"], RunOptions(), lambda family: None)
    assert found == (FamilyTime("a", 1.0), FamilyTime("b", None, "its process ended (SIGSEGV)"), FamilyTime("c", 1.0))
    assert asked == [["a", "b", "c"], ["c"]]


def with_probes(bundle: Path, kit, error: float, born: bool) -> None:
    """The bundle with stored probe tiles, which its artifacts miss by `error`, or missed so little at their export."""
    manifest = read_manifest(bundle)
    exact = {name: kit.numpy(probe(name, (16, 16))) for name in AT_BIRTH}
    save_probes(bundle / "reference" / "probes.bin", {name: sr + error for name, sr in exact.items()})
    birth = Birth("CPU", {}, tuple(shown(name, sr, sr + 1e-4) for name, sr in exact.items())) if born else None
    artifacts = tuple(replace(it, birth=birth) for it in manifest.artifacts)
    path = "reference/probes.bin"
    reference = replace(manifest.reference, probes={"16x16": path}, files={**manifest.reference.files, path: "0" * 64})
    (bundle / "manifest.json").write_text(manifest_json(replace(manifest, artifacts=artifacts, reference=reference)))


@pytest.mark.parametrize(
    ("error", "born", "reason"),
    [
        (0.0, True, ""),
        (0.02, True, "it shows less than when it was exported: text: "),
        (0.02, False, ""),
        (0.2, False, "dB to the reference, expected 30"),
    ],
)
def test_what_shows_less_than_at_its_birth_is_passed_over(bundle, kit, error: float, born: bool, reason: str) -> None:
    with_probes(bundle, kit, error, born)
    (found,) = tried(bundle, "onnxruntime-fp32")
    assert reason in found.reason and (found.ms is None) == bool(reason)
