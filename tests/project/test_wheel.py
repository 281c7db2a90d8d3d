"""What a user installs: wheel and source archive hold what the code reads, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project.repository import ROOMS, ROOT, files

LARGEST = 1_400_000  # bytes of the wheel beside the networks' weights: code, photographs, templates
TERMS = "dlgsanet/imaging/photographs/README.md"  # of the photographs beside it
MUST_HAVE = (
    *("dlgsanet/weights/nano-x4.safetensors", "dlgsanet/py.typed"),
    *("export/py.typed", "runtimes/py.typed", "benchmarks/py.typed"),
    *("runtimes/probe_network/tiny.onnx", "runtimes/probe_network/product.onnx"),
    "runtimes/probe_network/product_int8.onnx",
)
MUST_HAVE_SUCH = (
    "dlgsanet/kernels/*/*.c",
    "dlgsanet/kernels/*/*.h",
    "dlgsanet/imaging/photographs/*.png",
    "benchmarks/report/templates/*",
)
BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]  # setuptools writes its own words over it
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
"""


@dataclass(frozen=True)
class Built:
    wheel: Path
    archive: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Wheel and source archive of all that a commit would hold, by the installed setuptools, without a network."""
    pytest.importorskip("setuptools", "77")
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    for name in files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(made)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Built(*made.glob("*.whl"), *made.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def in_wheel(built: Built) -> set[str]:
    with zipfile.ZipFile(built.wheel) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def in_archive(built: Built) -> set[str]:
    with tarfile.open(built.archive) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def is_result(name: str) -> bool:
    return "benchmarks/results/" in name and name.endswith(".json")


def is_shipped(name: str) -> bool:
    """Everything in the four rooms but what only the project's pages show: results, pictures of the cards, READMEs."""
    shown = is_result(name) or Path(name).match("dlgsanet/weights/*.png")
    return name.partition("/")[0] in ROOMS and not shown and (Path(name).name != "README.md" or name == TERMS)


def test_the_wheel_is_the_rooms_without_their_results(in_wheel: set[str]) -> None:
    assert in_wheel == {name for name in files() if is_shipped(name)}


def test_the_wheel_holds_what_the_code_reads(in_wheel: set[str]) -> None:
    assert set(MUST_HAVE) <= in_wheel
    assert not [pattern for pattern in MUST_HAVE_SUCH if not any(Path(name).match(pattern) for name in in_wheel)]


def test_the_wheel_is_small(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        sizes = {member.filename: member.compress_size for member in wheel.infolist()}
    assert sum(size for name, size in sizes.items() if not name.endswith(".safetensors")) < LARGEST


def test_the_archive_builds_the_same_wheel(in_wheel: set[str], in_archive: set[str]) -> None:
    assert in_wheel | {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= in_archive
    assert not [name for name in in_archive if name.startswith(("tests/", "docs/"))]
    assert not [name for name in in_archive if is_result(name)]


def test_the_wheel_works_outside_the_checkout(built: Built, tmp_path: Path) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(tmp_path / "site"),
    ]
    subprocess.run([*pip, str(built.wheel)], check=True)
    code = f"""
import importlib
for room in {ROOMS}: print(importlib.import_module(room).__file__)
from dlgsanet.__main__ import main
from runtimes.probe_network import example, expected, weight
print(example().ndim, expected().ndim, weight().ndim)
raise SystemExit(main(["--version"]))
"""
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "", "SYSTEMROOT": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[:4] == [str(tmp_path / "site" / room / "__init__.py") for room in ROOMS]
    assert said[4] == "4 4 4" and said[5].startswith("dlgsanet-edge ")
