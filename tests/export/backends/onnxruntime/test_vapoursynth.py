"""The script for VapourSynth lies in the bundle, is listed, and computes what our own runner does."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export import ExportOptions, export_bundle
from export.backends.onnxruntime.vapoursynth import SCRIPT
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from runtimes.bundle.whole import verify_whole
from runtimes.runner.overlap import DEFAULT_OVERLAP

PYTHON = os.environ.get("DLGSANET_VAPOURSYNTH", sys.executable)
"""An interpreter that has vapoursynth and vapoursynth-mlrt-ort, which need Python 3.12."""

DRIVE = """
import runpy, sys
import numpy as np
import vapoursynth as vs

pixels = np.load(sys.argv[1])
count, _, height, width = pixels.shape

def fill(n, f):
    frame = f.copy()
    for plane in range(3):
        np.copyto(np.asarray(frame[plane]), pixels[n, plane])
    return frame

blank = vs.core.std.BlankClip(width=width, height=height, format=vs.RGBS, length=count)
clip = vs.core.std.ModifyFrame(blank, blank, fill)
large = runpy.run_path(sys.argv[3], init_globals={"clip": clip, "engine": sys.argv[4]})["upscaled"]
frames = [large.get_frame(n) for n in range(count)]
np.save(sys.argv[2], np.stack([np.stack([np.asarray(frame[plane]) for plane in range(3)]) for frame in frames]))
"""


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("vapoursynth") / "small"
    export_bundle(checkpoint, out, ExportOptions(targets=("onnxruntime-fp32",), tiles=((24, 24), (24, 32))))
    return out


def test_the_script_is_in_the_bundle_and_listed(bundle: Path) -> None:
    assert all(f"onnx/{SCRIPT}" in artifact.files for artifact in read_manifest(bundle).artifacts)
    verify_whole(bundle)
    script = (bundle / "onnx" / SCRIPT).read_text(encoding="utf-8")
    compile(script, SCRIPT, "exec")
    assert f"\nSHARED = {DEFAULT_OVERLAP}\n" in script and "DEFAULT_OVERLAP" not in script
    with open_runner(bundle, "onnxruntime-fp32-24x24") as run:
        assert run.infer(np.zeros((1, 3, 24, 24), np.float32)).shape[2] == 24 * run.scale


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "most"), [("ort", 0.0), ("ov", 1e-5)])
@pytest.mark.parametrize("size", [(24, 32), (17, 23)])
def test_it_computes_what_our_runner_does(
    bundle: Path, tmp_path: Path, engine: str, most: float, size: tuple[int, int]
) -> None:
    """One tile, or less than one, mirrored: vs-mlrt's own way to join tiles has no part in it."""
    if sys.executable == PYTHON and importlib.util.find_spec("vapoursynth") is None:
        pytest.skip("name an interpreter that has vapoursynth and vapoursynth-mlrt-ort in DLGSANET_VAPOURSYNTH")
    pixels = np.random.default_rng(0).random((2, 3, *size), dtype=np.float32)
    np.save(tmp_path / "in.npy", pixels)
    words = [PYTHON, "-c", DRIVE, tmp_path / "in.npy", tmp_path / "out.npy", bundle / "onnx" / SCRIPT, engine]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open_runner(bundle, "onnxruntime-fp32") as run:
        expected = run(pixels)
    assert np.abs(np.load(tmp_path / "out.npy") - expected).max() <= most
