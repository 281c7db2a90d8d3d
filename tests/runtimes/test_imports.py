"""A device has NumPy, Pillow, typer and rich, and perhaps one backend: this room must work there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROLOGUE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""
ABSENT = [
    *("torch", "safetensors", "onnx", "onnxscript", "onnxruntime", "openvino", "nncf", "coremltools"),
    *("tensorrt", "tensorrt_rtx", "scipy", "skimage", "matplotlib", "jinja2"),
]


def run(code: str, *arguments: str, absent: list[str] = ABSENT) -> subprocess.CompletedProcess[str]:
    """Run `code` in a Python in which the `absent` packages do not exist."""
    source = f"ABSENT = {absent!r}\n{PROLOGUE}\n{code}"
    return subprocess.run(
        [sys.executable, "-c", source, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_module_imports_without_a_backend():
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in sorted((ROOT / "runtimes").rglob("*.py"))]
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name.removesuffix('.__init__'))"
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_nothing_else_of_ours_is_imported():
    code = (
        "import runtimes.commands, runtimes.upscale.run, runtimes.doctor\n"
        "ours = [n for n in sys.modules if n.partition('.')[0] in ('dlgsanet', 'export', 'benchmarks')]\n"
        "known = ('dlgsanet.errors', 'dlgsanet.storage', 'dlgsanet.imaging', 'dlgsanet.command_line')\n"
        "print(*(n for n in ours if n != 'dlgsanet' and not n.startswith(known)))"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_missing_backend_is_one_line_with_its_extra(bundle, backend):
    code = (
        "from dlgsanet.errors import UnavailableError\n"
        "from runtimes import open_runner\n"
        "runner = open_runner(sys.argv[1], sys.argv[2])\n"  # not needed before the device is taken
        "try: runner.__enter__()\n"
        "except UnavailableError as error: print(error)"
    )
    done = run(code, str(bundle), f"{backend}-fp32")
    assert done.returncode == 0, done.stderr
    assert f'pip install "dlgsanet-edge[{backend}]"' in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_upscale_works_with_one_backend_only(bundle, tmp_path):
    pytest.importorskip("onnxruntime")
    code = (
        "import numpy as np\n"
        "from dlgsanet.imaging.files import write_picture\n"
        "from dlgsanet.__main__ import main\n"
        "write_picture(sys.argv[2] + '/in.png', np.random.default_rng(0).random((20, 20, 3)))\n"
        "sys.exit(main(['upscale', sys.argv[2] + '/in.png', '-o', sys.argv[2], '--bundle', sys.argv[1], "
        "'--overlap', '4', '--threads', '1']))"
    )
    done = run(code, str(bundle), str(tmp_path), absent=[name for name in ABSENT if name != "onnxruntime"])
    assert done.returncode == 0, done.stderr
    assert "using onnxruntime-fp32" in done.stderr
    assert (tmp_path / "in_x2.png").is_file()


def test_engines_are_never_imported_by_a_statement():
    """They are imported by name, in `backends` and in the doctor's own processes; torch nowhere."""
    for path in sorted((ROOT / "runtimes").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] in ABSENT], path


def test_pictures_start_without_what_videos_need() -> None:
    code = (
        "import sys, runtimes.upscale.plan, runtimes.upscale.run; "
        "print(*(name for name in sys.modules if name.startswith(('runtimes.upscale.video.', 'runtimes.runner.fid'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["runtimes.upscale.video.sniff"]
