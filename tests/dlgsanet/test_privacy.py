"""No library tells its maker that it is used: no file of theirs, no name looked up, unless the user wants it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.repository import ROOT

PROBE = ROOT / "runtimes" / "probe_network"
RUN = f"""
import runtimes.doctor
import onnxruntime
model = next(__import__("pathlib").Path({str(PROBE)!r}).glob("*.onnx"))
onnxruntime.InferenceSession(model.read_bytes(), providers=["CPUExecutionProvider"])
"""
COMPILE = """
import runtimes.doctor
import openvino, openvino.tools.ovc
openvino.Core()
"""
QUANTIZE = """
from export import export_bundle
import nncf
from nncf.telemetry import telemetry
telemetry.start_session("nncf")
telemetry.send_event("nncf", "x", "y")
"""


def traces(code: str, home: Path, **settings: str) -> tuple[list[str], list[str]]:
    """Files that a program left in its home, and what it looked up in the network."""
    log = home.parent / "calls"
    watched = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=openat,connect"] if shutil.which("strace") else []
    hidden = ("CI", "TF_BUILD", "JENKINS_URL", "XDG_CACHE_HOME", "DLGSANET_TELEMETRY", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    home.mkdir()
    subprocess.run(
        [*watched, sys.executable, "-c", code],
        env={**environment, "HOME": str(home), "PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        check=True,
        cwd=home,
    )
    calls = log.read_text().splitlines() if watched else []
    asked = [line for line in calls if "resolv.conf" in line or ("connect(" in line and "AF_INET" in line)]
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()), asked


@pytest.mark.parametrize(("package", "code"), [("onnxruntime", RUN), ("openvino", COMPILE)])
def test_an_engine_leaves_nothing_and_asks_nobody(tmp_path: Path, package: str, code: str) -> None:
    pytest.importorskip(package)
    assert traces(code, tmp_path / "home") == ([], [])


@pytest.mark.slow
def test_the_quantizer_leaves_nothing_and_asks_nobody(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    assert traces(QUANTIZE, tmp_path / "home") == ([], [])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="where the files lie is looked at on Linux")
def test_who_wants_it_turns_it_on(tmp_path: Path) -> None:
    """And so the tests above can fail."""
    onnxruntime = pytest.importorskip("onnxruntime")
    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29):
        pytest.skip("this version tells nothing")
    left, _ = traces(RUN, tmp_path / "home", DLGSANET_TELEMETRY="1")
    assert any(name.endswith("deviceid") for name in left)
