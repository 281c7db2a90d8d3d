"""Dockerfiles are not built in the tests: what they say is held by hadolint and by their own words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.repository import ROOT, extras

ON_ARM = ROOT / "containers/test-on-arm64.sh"
DOCKERFILES = sorted((ROOT / "containers").glob("*.Dockerfile"))
NAMES = [path.stem for path in DOCKERFILES]
NOT_COPIED = re.compile(r"^!(\S+)$", re.MULTILINE)


def lint(text: str) -> subprocess.CompletedProcess[str]:
    """The wheel of the dev extra brings the program beside Python's."""
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed (there are wheels for Linux and macOS)")
    return subprocess.run([program, "-"], input=text, capture_output=True, text=True, check=False, timeout=60)


def test_there_is_one_for_each_place() -> None:
    assert NAMES == ["cpu", "jetson", "train"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=NAMES)
def test_hadolint_finds_nothing(path: Path) -> None:
    found = lint(path.read_text(encoding="utf-8"))
    assert found.returncode == 0, found.stdout


def test_hadolint_would_find_something() -> None:
    planted = DOCKERFILES[0].read_text(encoding="utf-8").replace("USER 10001:10001", "USER root")
    assert "DL3002" in lint(planted).stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=NAMES)
def test_nobody_runs_as_root(path: Path) -> None:
    words = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    users = [line[1] for line in words if line and line[0] == "USER"]
    assert users == ["10001:10001"]
    assert words[-2] == ["ENTRYPOINT", '["/opt/dlgsanet/bin/dlgsanet"]']


@pytest.mark.parametrize("path", DOCKERFILES, ids=NAMES)
def test_its_extras_exist(path: Path) -> None:
    named = re.findall(r"/source\[([\w,-]+)\]", path.read_text(encoding="utf-8"))
    assert {extra for group in named for extra in group.split(",")} <= set(extras())


def test_a_device_gets_no_torch() -> None:
    for name in ("cpu", "jetson"):
        text = (ROOT / f"containers/{name}.Dockerfile").read_text(encoding="utf-8")
        named = {extra for group in re.findall(r"/source\[([\w,-]+)\]", text) for extra in group.split(",")}
        assert not named & {"torch", "export", "train", "quantize", "zoo", "all"}


def test_what_is_copied_is_all_that_a_wheel_needs() -> None:
    """Everything is ignored but what is named, and that exists; what pyproject.toml reads is among it."""
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    named = NOT_COPIED.findall(text)
    assert "\n*\n" in text
    assert all((ROOT / name).exists() for name in named)
    assert {"dlgsanet", "export", "runtimes", "benchmarks", "pyproject.toml", "README.md", "LICENSE"} <= set(named)


def test_what_is_tested_on_arm_is_what_a_device_gets() -> None:
    (named,) = re.findall(r'^extras="([\w,]+)"$', ON_ARM.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named.split(",")) <= set(extras())
    assert {"onnxruntime", "openvino", "litert"} <= set(named.split(","))


@pytest.mark.skipif(sys.platform != "linux", reason="a Debian in a folder needs Linux")
def test_the_arm_script_says_what_it_lacks(tmp_path: Path) -> None:
    shell = shutil.which("sh") or "sh"
    done = subprocess.run(
        [shell, str(ON_ARM), str(tmp_path / "system")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "expected mmdebstrap: apt-get install" in done.stderr
    assert not (tmp_path / "system").exists()
