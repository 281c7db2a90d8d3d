"""What is kept between exports changes no byte of an artifact, and is taken only for what it was made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.checkpoints.checkpoint import read_checkpoint
from dlgsanet.errors import GateError
from dlgsanet.imaging.files import write_picture
from dlgsanet.storage.shelf import KeptEntries
from export import ExportOptions, export_bundle
from export.machine import kept as kept_module
from export.networks.dlgsanet import network as dlgsa
from export.networks.dlgsanet.network import DlgsaNetwork
from export.networks.network import NetworkOptions
from export.quantization.options import CalibrationOptions
from runtimes.bundle.manifest import Manifest

TILE = (20, 24)
ANEW = ("rewriting", "proving", "reference of", "calibrating", "running", "layer ")


@pytest.fixture(autouse=True)
def home(own_cache: Path) -> Path:
    return own_cache


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for index in range(3):
        write_picture(folder / f"{index}.png", rng.integers(0, 85 * (index + 1), (100, 120, 3)).astype(np.uint8))
    return str(folder)


def exported(source: Path | str, out: Path, options: ExportOptions) -> tuple[Manifest, list[str]]:
    """The manifest, and the steps that were not spared."""
    said: list[str] = []
    manifest = export_bundle(source, out, options, said.append)
    return manifest, [line for line in said if line.startswith(ANEW)]


def contents(bundle: Path) -> dict[str, bytes]:
    """All files but those that say when they were made."""
    files = (path for path in bundle.rglob("*") if path.is_file() and path.name not in ("manifest.json", "README.md"))
    return {path.relative_to(bundle).as_posix(): path.read_bytes() for path in files}


def require_same(one: Manifest, other: Manifest) -> None:
    assert replace(one, created=other.created) == other


@pytest.mark.parametrize(
    "target",
    ["onnxruntime-int8", pytest.param("openvino-int8", marks=pytest.mark.slow)],
)
def test_a_kept_calibration_gives_the_same_bytes(
    checkpoint: Path, photographs: str, tmp_path: Path, home: Path, target: str
) -> None:
    pytest.importorskip("nncf")
    options = ExportOptions((target, "onnxruntime-fp32"), (TILE,), calibration=CalibrationOptions(photographs, tiles=6))
    first, did = exported(checkpoint, tmp_path / "first", options)
    assert {it for it in ANEW if any(line.startswith(it) for line in did)} == {*ANEW} - {"layer "}
    second, did = exported(checkpoint, tmp_path / "second", options)
    assert did == []
    fresh, did = exported(checkpoint, tmp_path / "fresh", replace(options, cache=False))
    assert any(line.startswith("calibrating") for line in did)
    assert contents(tmp_path / "first") == contents(tmp_path / "second") == contents(tmp_path / "fresh")
    require_same(first, second)
    require_same(first, fresh)
    more = replace(options, calibration=CalibrationOptions(photographs, tiles=5))
    assert any(line.startswith("calibrating") for line in exported(checkpoint, tmp_path / "other", more)[1])


def test_damaged_entries_are_made_again(checkpoint: Path, tmp_path: Path, home: Path) -> None:
    options = ExportOptions(("onnxruntime-fp32",), (TILE,))
    first, _ = exported(checkpoint, tmp_path / "first", options)
    for path in home.rglob("*.kept"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    second, did = exported(checkpoint, tmp_path / "second", options)
    assert {it.split(" ")[0] for it in did} == {"rewriting", "proving", "reference", "running"}
    require_same(first, second)
    assert exported(checkpoint, tmp_path / "third", options)[1] == []


def test_entries_of_other_content_are_made_again(checkpoint: Path, tmp_path: Path, home: Path) -> None:
    """Whole by their hash, but no proof: as an older version may have written them."""
    options = ExportOptions(("onnxruntime-fp32",), (TILE,))
    exported(checkpoint, tmp_path / "first", options)
    for kind in ("graphs", "births"):
        for path in (home / kind).iterdir():
            KeptEntries().keep(kind, path.stem, {"": b"{}", "proof.json": b"[]", "graph.onnx": b""})
    _, did = exported(checkpoint, tmp_path / "second", options)
    assert {it.split(" ")[0] for it in did} == {"rewriting", "proving", "running"}


def test_a_pass_that_was_changed_is_proven_again(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sources are in the key: a fault that somebody writes into a pass meets its proof."""
    options = ExportOptions(("onnxruntime-fp32",), (TILE,))
    exported(checkpoint, tmp_path / "first", options)
    real = dlgsa.rewrite

    def faulty(*arguments: object, **given: object) -> object:
        result = real(*arguments, **given)  # type: ignore[arg-type]
        result.model.upsample[0].weight[0, 0, 0, 0] += 1e-4  # type: ignore[index, operator]
        return result

    monkeypatch.setattr(dlgsa, "rewrite", faulty)
    monkeypatch.setattr(kept_module, "code_version", lambda packages: "of the changed sources")
    with pytest.raises(GateError, match="nothing was written"):
        exported(checkpoint, tmp_path / "second", options)
    with pytest.raises(GateError, match="nothing was written"):  # the refusal is not kept, nor is the graph
        exported(checkpoint, tmp_path / "third", options)


def test_a_source_that_changes_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package_of_this_test"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = set()
    for change in (
        lambda: (package / "inner" / "a.py").write_text("1"),
        lambda: (package / "inner" / "a.py").write_text("2"),
        lambda: (package / "inner" / "a.py").rename(package / "a.py"),
        lambda: (package / "b.txt").write_text("no source"),
    ):
        change()
        kept_module.code_version.cache_clear()
        seen.add(kept_module.code_version((package.name,)))
    kept_module.code_version.cache_clear()
    assert len(seen) == 3


@pytest.mark.parametrize("what", ["versions", "processor", "python"])
def test_other_versions_and_machines_share_nothing(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept_module.kept_here(True, ("numpy",), ()).basis
    assert kept_module.kept_here(True, ("numpy",), ()).basis == before
    told = kept_module.fingerprint(("numpy",))
    changed: dict[str, Callable[[], None]] = {
        "versions": lambda: monkeypatch.setattr(kept_module, "fingerprint", lambda it: {**told, "versions": {}}),
        "processor": lambda: monkeypatch.setattr(kept_module, "fingerprint", lambda it: {**told, "cpu": "another"}),
        "python": lambda: monkeypatch.setattr(kept_module.platform, "python_version", lambda: "3.99"),
    }
    changed[what]()
    assert kept_module.kept_here(True, ("numpy",), ()).basis != before


def test_weights_are_known_by_their_values(checkpoint: Path) -> None:
    known = read_checkpoint(checkpoint)
    one = DlgsaNetwork(known).prepare(NetworkOptions(), print)
    assert DlgsaNetwork(known).prepare(NetworkOptions(), print).identity == one.identity
    other = DlgsaNetwork(known).prepare(NetworkOptions(), print)
    next(iter(other.exported.parameters())).data.view(-1)[0] += 1e-6
    assert other.identity != one.identity


def test_what_kept_a_proof_from_being_whole_is_tried_again(
    checkpoint: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dlgsa.PreparedDlgsaNetwork.prove
    monkeypatch.setattr(
        dlgsa.PreparedDlgsaNetwork, "prove", lambda self, *given: replace(real(self, *given), whole=False)
    )
    exported(checkpoint, tmp_path / "first", ExportOptions(("onnxruntime-fp32",), (TILE,)))
    assert not list((home / "graphs").glob("*"))


def test_an_onnx_file_is_known_by_its_content(checkpoint: Path, tmp_path: Path) -> None:
    options = ExportOptions(("onnxruntime-fp32",), (TILE,))
    manifest, _ = exported(checkpoint, tmp_path / "made", options)
    file = tmp_path / "network.onnx"
    file.write_bytes((tmp_path / "made" / manifest.artifacts[0].path).read_bytes())
    first, did = exported(file, tmp_path / "first", options)
    assert any(line.startswith("proving") for line in did)
    second, did = exported(file, tmp_path / "second", options)
    assert not any(line.startswith("proving") for line in did)
    require_same(first, second)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_a_home_that_cannot_be_written_is_no_error(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    exported(checkpoint, tmp_path / "bundle", ExportOptions(("onnxruntime-fp32",), (TILE,)))


def test_without_the_cache_nothing_is_written(checkpoint: Path, tmp_path: Path, home: Path) -> None:
    exported(checkpoint, tmp_path / "bundle", ExportOptions(("onnxruntime-fp32",), (TILE,), cache=False))
    assert not home.exists()
