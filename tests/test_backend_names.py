"""A backend's name is written down in its own folder only: elsewhere its entry in a registry is asked."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from runtimes.backends.registry import BUILT_IN

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("runtimes", "export", "benchmarks")
ABOUT_SOME = ("benchmarks/studies/", "benchmarks/records/schema1.py")
"""Studies are of a backend; names of the first schema are read in one place."""
FOLDERS = {
    "tensorrt-rtx": "tensorrt",
    "tensorrt_rtx": "tensorrt",
    "coremltools": "coreml",
    "tritonclient": "kserve",
    "executorch-coreml": "executorch",
    "executorch-vulkan": "executorch",
    "ai_edge_litert": "litert",
}
"""Where a name lives that is not the folder's own."""

PACKAGES = {"export": ("torch",)}
"""What a room is made with and has no backend of."""

NAMES = {name for entry in BUILT_IN.values() for name in (entry.name, entry.engine.module)}


def quoted(source: str) -> list[tuple[int, str]]:
    """(line, backend) of every string that is a backend's name or begins like the name of an artifact of it; docstrings
    and the text of messages are none."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = next((name for name in sorted(NAMES, key=len, reverse=True) if begins(node.value, name)), None)
            found += [(node.lineno, name)] if name else []
    return found


def begins(text: str, name: str) -> bool:
    return text == name or (text.startswith(f"{name}-") and " " not in text)


def lives_in(path: Path, name: str) -> bool:
    place = path.as_posix()
    return f"backends/{FOLDERS.get(name, name)}/" in place or any(it in place for it in ABOUT_SOME)


@pytest.mark.parametrize("room", ROOMS)
def test_names_stand_in_their_folders(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, name in quoted(path.read_text(encoding="utf-8"))
        if not lives_in(path, name) and name not in PACKAGES.get(room, ())
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('if artifact.backend == "openvino": pass', ["openvino"]),
        ('x = ("tensorrt", "tensorrt-rtx", "coremltools")', ["tensorrt", "tensorrt-rtx", "coremltools"]),
        ('name.startswith("torch-")', ["torch"]),
        ('open_runner(bundle, f"onnxruntime-{precision}")', ["onnxruntime"]),
        ('"""openvino in a docstring, as in openvino-fp32."""', []),
        ('raise InputError("use openvino-bf16 on this machine")', []),
        ('x = "openvinos"', []),
    ],
)
def test_a_name_is_seen(source: str, names: list[str]) -> None:
    assert [name for _, name in quoted(source)] == names


def test_a_folder_owns_its_names_only() -> None:
    assert lives_in(Path("runtimes/backends/tensorrt/building/run.py"), "tensorrt-rtx")
    assert not lives_in(Path("runtimes/backends/tensorrt/building/run.py"), "openvino")
    assert not lives_in(Path("runtimes/backends/registry.py"), "openvino")
