"""Checkpoints that spandrel knows, and what is said of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from benchmarks.accuracy.options import CheckOptions
from benchmarks.accuracy.plan import plan_check
from benchmarks.run_check import measure
from dlgsanet.command_line.voice import PLAIN
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.files import read_rgb8, write_picture
from dlgsanet.imaging.pixels import to_hwc, to_uint8
from export import ExportOptions, export_bundle
from export.networks.torch_module.spandrel_file import load_spandrel
from export.pictures import photograph
from runtimes.bundle.manifest import read_manifest


@pytest.fixture
def span(tmp_path: Path, spandrel: ModuleType) -> Path:
    """A small SPAN, whose weights lie in a dict as its authors save them."""
    from spandrel.architectures.SPAN import SPAN

    torch.manual_seed(0)
    path = tmp_path / "span.pth"
    torch.save({"params": SPAN(num_in_ch=3, num_out_ch=3, feature_channels=16, upscale=2).state_dict()}, path)
    return path


def test_architecture_and_weights_are_found(span: Path) -> None:
    found = load_spandrel(str(span))
    assert (found.facts["architecture"], found.facts["purpose"], found.multiple, found.tiling) == ("SPAN", "SR", 1, "")
    assert found.module(torch.zeros(1, 3, 8, 9)).shape == (1, 3, 16, 18)


def test_a_checkpoint_goes_the_whole_way(span: Path, tmp_path: Path) -> None:
    """Exported, judged against the untouched network, and used on a picture, in the user's own commands."""
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    picture = tmp_path / "in.png"
    write_picture(picture, to_uint8(to_hwc(photograph((40, 56)))))
    export_bundle(span, bundle, ExportOptions(("onnxruntime-fp32",), ((32, 32),)))
    manifest = read_manifest(bundle)
    assert manifest.source.foreign is not None and manifest.source.foreign.family == "spandrel"
    assert manifest.source.config["architecture"] == "SPAN" and (manifest.name, manifest.scale) == ("span", 2)
    found = measure(plan_check(CheckOptions(bundle, below_bicubic=True)), PLAIN)
    gates = [record.gate for record in found.result.records if getattr(record, "role", "") == "artifact"]
    assert gates and set(gates) == {"pass"}
    done = subprocess.run(
        [sys.executable, "-m", "dlgsanet", "upscale", str(picture), "-o", str(out), "--bundle", str(bundle)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    assert read_rgb8(made).shape == (80, 112, 3)


def test_a_licence_in_the_file_is_kept(span: Path, tmp_path: Path) -> None:
    path = tmp_path / "span.safetensors"
    state = torch.load(span, weights_only=True)["params"]
    save_file(state, path, {"modelspec.license": "CC-BY-4.0"})
    assert load_spandrel(str(path)).licence == "CC-BY-4.0"


def test_what_nobody_knows_is_refused(tmp_path: Path, spandrel: ModuleType) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"neither a DLGSANet checkpoint nor one that spandrel .* knows"):
        load_spandrel(str(path))


def test_spandrel_itself_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UnavailableError, match=r"others need spandrel: pip install 'dlgsanet-edge\[zoo\]'"):
        load_spandrel(str(tmp_path / "other.pth"))
