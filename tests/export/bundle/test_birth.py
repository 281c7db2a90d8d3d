"""What new artifacts show is in the manifest; what could not run here is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dlgsanet.errors import BackendError
from export import ExportOptions, export_bundle
from export.bundle import birth as births_of
from runtimes.bundle.manifest import Manifest, manifest_json, read_manifest
from runtimes.runner import contract
from runtimes.runner.contract import RunInfo
from runtimes.runner.fidelity.probes import AT_BIRTH


@pytest.fixture(scope="module")
def born(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    out = tmp_path_factory.mktemp("birth") / "bundle"
    options = ExportOptions(targets=("onnxruntime-fp32", "tensorrt-fp32"), tiles=((24, 24),))
    export_bundle(checkpoint, out, options)
    return out


def test_every_artifact_that_runs_here_has_its_figures(born: Path) -> None:
    fp32, elsewhere = read_manifest(born).artifacts
    assert fp32.birth is not None and not fp32.birth.not_run
    assert [it.name for it in fp32.birth.shown] == [read_manifest(born).reference.entries[0].name, *AT_BIRTH]
    assert all(it.patch < 0.1 and (it.to_reference_db or 200) > 80 for it in fp32.birth.shown)
    assert fp32.birth.device == "CPUExecutionProvider" and "onnxruntime" in fp32.birth.versions
    assert elsewhere.birth is not None and not elsewhere.birth.shown and "GPU" in elsewhere.birth.not_run


def test_older_manifests_have_none(born: Path) -> None:
    manifest = read_manifest(born)
    older = replace(manifest, artifacts=tuple(replace(it, birth=None) for it in manifest.artifacts))
    text = manifest_json(older)
    assert "birth" not in text and "birth" in manifest_json(manifest)


def test_an_artifact_that_crashes_does_not_end_the_export(
    born: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(job: object, say: Callable[[str], None]) -> object:
        raise BackendError("running the new artifacts: its process ended (SIGSEGV)")

    monkeypatch.setattr(births_of, "ask", crash)
    said: list[str] = []
    manifest: Manifest = births_of.with_births(tmp_path, read_manifest(born), said.append)
    assert said == ["warning: running the new artifacts: its process ended (SIGSEGV)"]
    assert {it.birth.not_run for it in manifest.artifacts if it.birth} == {said[0].removeprefix("warning: ")}


def test_what_the_device_lacks_is_said_without_compiling_it(born: Path) -> None:
    manifest = read_manifest(born)
    artifact = replace(manifest.artifacts[0], precision="fp16", files={})  # opening it would fail
    cpu = RunInfo("a", "onnxruntime", "CPU", "fp32", "fp32", 1, {}, ("fp32", "bf16"))
    found = births_of._birth(born, manifest, artifact, {"onnxruntime": cpu})
    assert found.not_run.startswith("CPU has no fp16 on this machine (it has fp32, bf16)")
    bf16 = replace(artifact, precision="bf16")
    with pytest.raises(KeyError):
        births_of._birth(born, manifest, bf16, {"onnxruntime": cpu})


def test_what_the_processor_spoils_is_no_figure_for_others(born: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunInfo, "caution", "it overflows here")
    (found, _) = births_of.births(born, lambda step: None, [it.id for it in read_manifest(born).artifacts]).values()
    assert not found.shown and found.not_run == "it overflows here"


def test_what_is_known_to_be_spoilt_is_not_run(born: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "overflows_int8", lambda: True)
    monkeypatch.setattr(births_of, "ask", lambda job, say: pytest.fail("it was run"))
    manifest = read_manifest(born)
    named = replace(manifest.artifacts[0], id="openvino-int8-24x24", backend="openvino", precision="int8")
    int8 = replace(manifest, artifacts=(named,))
    (found,) = births_of.with_births(tmp_path, int8, lambda step: None).artifacts
    assert found.birth is not None and "no VNNI" in found.birth.not_run


def test_another_precision_is_said(born: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes another precision shows nothing of the artifact."""
    manifest = read_manifest(born)
    told = replace(manifest, artifacts=(replace(manifest.artifacts[0], precision="fp16"),))
    monkeypatch.setattr(births_of, "read_manifest", lambda bundle: told)
    (found,) = births_of.births(born, lambda step: None, [told.artifacts[0].id]).values()
    assert not found.shown and "fp16 was requested" in found.not_run
