"""The house rules that a reader relies on: who imports whom, what needs no torch, how long files are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("dlgsanet", "export", "runtimes", "benchmarks")
MAY_IMPORT = {
    "dlgsanet": ("dlgsanet",),
    "export": ("export", "dlgsanet", "runtimes"),
    "runtimes": ("runtimes", "dlgsanet.errors", "dlgsanet.storage", "dlgsanet.imaging"),
    "benchmarks": ("benchmarks", "dlgsanet", "runtimes"),
}
STUDIES = "benchmarks/studies"  # may import everything; nothing imports it
# A backend's packages are imported only below a folder of its name, inside functions, when used.
BACKENDS = {
    "onnxruntime": ("backends/onnxruntime/", "export/quantization/onnx_qdq.py", "export/tuning/", STUDIES),
    "openvino": ("backends/openvino/", STUDIES),
    "nncf": ("backends/openvino/", STUDIES),
    "coremltools": ("backends/coreml/",),
    "tensorrt": ("backends/tensorrt/",),
    "tensorrt_rtx": ("backends/tensorrt/",),
}
TORCH_FREE = ("runtimes", "dlgsanet.imaging", "dlgsanet.metrics", "dlgsanet.protocol", "dlgsanet", "dlgsanet.__main__")
OPTIONAL = ("torch", "safetensors", "onnx", "onnxruntime", "openvino", "coremltools", "skimage", "matplotlib", "jinja2")
LONGEST_FILE = 330


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(module, at the top level of the file) of every import statement."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield f"{node.module}", id(node) in top


def allowed(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(room)
        for module, _ in imports(path)
        if module.partition(".")[0] in ROOMS and not allowed(module, may_import(room, path))
    ]
    assert not wrong


def may_import(room: str, path: Path) -> tuple[str, ...]:
    return ROOMS if path.is_relative_to(ROOT / STUDIES) else MAY_IMPORT[room]


def test_nothing_imports_the_front_door() -> None:
    assert not [path for room in ROOMS for path in files(room) if "dlgsanet.__main__" in dict(imports(path))]


@pytest.mark.parametrize("room", ROOMS)
def test_backend_packages_stay_in_their_files(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(room)
        for module, at_top in imports(path)
        if (places := BACKENDS.get(module.partition(".")[0]))
        and (at_top or not any(place in path.relative_to(ROOT).as_posix() for place in places))
    ]
    assert not wrong


def test_runtimes_never_import_torch() -> None:
    names = {module.partition(".")[0] for path in files("runtimes") for module, _ in imports(path)}
    assert "numpy" in names and "torch" not in names


@pytest.mark.parametrize("module", TORCH_FREE)
def test_imports_without_optional_packages(module: str) -> None:
    """With everything optional made unimportable, the device side still imports."""
    code = f"""
import sys
for name in {OPTIONAL!r}:
    sys.modules[name] = None
import {module}
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for room in ROOMS for path in files(room)}
    assert not {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LONGEST_FILE}


def test_the_import_check_can_fail(tmp_path: Path) -> None:
    fault = tmp_path / "fault.py"
    fault.write_text("def f():\n    import export.targets.table\n")
    assert [module for module, at_top in imports(fault) if not allowed(module, MAY_IMPORT["runtimes"])]
