"""A backend of another package goes the whole path by the command line, with nothing changed in our tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.imaging.files import write_picture
from tests.project.repository import ROOT

TOY = ROOT / "examples" / "toy_backend"
LONGEST = 80

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy installed in `site`, a tiny checkpoint and one small picture."""
    for package in ("torch", "onnx", "setuptools", "jinja2", "matplotlib"):
        pytest.importorskip(package)
    import torch

    from dlgsanet.checkpoints import save_checkpoint
    from dlgsanet.network.config import ModelConfig
    from dlgsanet.network.model import DLGSANet

    folder = tmp_path_factory.mktemp("toy")
    source = folder / "source"
    (source / "toy_backend").mkdir(parents=True)
    for path in (TOY / "pyproject.toml", *sorted((TOY / "toy_backend").glob("*.py"))):
        (source / path.relative_to(TOY)).write_bytes(path.read_bytes())  # building leaves files beside the sources
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    torch.manual_seed(1)
    save_checkpoint(folder / "net.safetensors", DLGSANet(ModelConfig(12, 1, 1, 2)).eval(), {})
    (folder / "pictures").mkdir()
    write_picture(folder / "pictures" / "one.png", np.random.default_rng(0).random((96, 96, 3)))
    return folder


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    """`dlgsanet ...` in that folder, with the toy to be found or not."""

    def command(*words: str, toy: bool = True) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, (ROOT, place / "site"))) if toy else str(ROOT)
        return subprocess.run(
            [sys.executable, "-m", "dlgsanet", *words],
            cwd=place,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return command


def test_it_is_small() -> None:
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (TOY / "toy_backend").glob("*.py"))
    assert lines < LONGEST


@pytest.mark.slow
def test_it_is_exported_checked_benched_and_reported(place: Path, run: Run) -> None:
    words = (
        ("export", "net.safetensors", "-o", "bundle", "--to", "toy", "--tile", "48"),
        ("check", "bundle", "--data", "pictures", "--below-bicubic", "--json", "check.json"),
        ("bench", "bundle", "--runs", "5", "--json", "bench.json"),
        ("report", "check.json", "bench.json", "-o", "page.html"),
    )
    for verb in words:
        done = run(*verb)
        assert done.returncode == 0, done.stderr
    records = [json.loads((place / name).read_text())["records"] for name in ("check.json", "bench.json")]
    judged, timed = ([it for it in found if it["artifact"] == "toy-fp32-48x48"] for found in records)
    assert judged[0]["gate"] == "pass" and judged[0]["to_reference_db"] > 100
    assert timed[0]["gate"] == "pass" and len(timed[0]["samples_ms"]) == 5 and timed[0]["device"] == "NumPy"
    assert "toy-fp32-48x48" in (place / "page.html").read_text(encoding="utf-8")
    gone = run("upscale", "pictures", "-o", "out", "--bundle", "bundle", "--artifact", "toy", toy=False)
    assert gone.returncode == 3 and "this version has no backend 'toy'" in gone.stderr


@pytest.mark.slow
def test_the_doctor_proves_it(run: Run) -> None:
    rows = {row["name"]: row for row in json.loads(run("doctor", "--json").stdout)["backends"]}
    assert rows["toy"]["status"] == "ok" and rows["toy"]["devices"][0]["name"] == "NumPy"
