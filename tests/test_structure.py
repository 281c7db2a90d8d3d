"""The house rules that a reader relies on: who imports whom, what needs no torch, how long files are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.tables.import_graph import between, circle, edges, modules, rooms_of

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("dlgsanet", "export", "runtimes", "benchmarks")
MAY_IMPORT = {
    "dlgsanet": ("dlgsanet",),
    "export": ("export", "dlgsanet", "runtimes"),
    "runtimes": ("runtimes", "dlgsanet.errors", "dlgsanet.storage", "dlgsanet.imaging", "dlgsanet.command_line"),
    "benchmarks": ("benchmarks", "dlgsanet", "runtimes"),
}
DATA = (ROOT / "benchmarks/results", ROOT / "dlgsanet/weights")  # a file a measurement, three files a network
STUDIES = "benchmarks/studies"  # may import everything; nothing imports it
# A backend's packages are imported only below a folder of its name, inside functions, when used.
BACKENDS = {
    "onnxruntime": ("backends/onnxruntime/", "export/quantization/onnx_qdq.py", "export/tuning/", STUDIES),
    "openvino": ("backends/openvino/", STUDIES),
    "nncf": ("backends/openvino/", STUDIES),
    "coremltools": ("backends/coreml/", "export/backends/executorch/"),  # ExecuTorch's delegate is told by its types
    "ai_edge_litert": ("backends/litert/",),
    "flatbuffers": ("backends/litert/",),
    "executorch": ("backends/executorch/",),
    "tensorrt": ("backends/tensorrt/",),
    "tensorrt_rtx": ("backends/tensorrt/",),
    "av": ("runtimes/upscale/video/", STUDIES),
}
TORCH_FREE = (
    "runtimes",
    "dlgsanet.command_line.verbs",
    "dlgsanet.imaging",
    "dlgsanet.metrics",
    "dlgsanet",
    "dlgsanet.__main__",
)
OPTIONAL = (
    "torch",
    "safetensors",
    "onnx",
    "onnxruntime",
    "openvino",
    "coremltools",
    "ai_edge_litert",
    "executorch",
    "skimage",
    "matplotlib",
    "jinja2",
    "av",
)
LONGEST_FILE = 330
LONGEST_FUNCTION = 40
# Names of two classes: one in each room, or one in the words of a library or file format.
SHARED_NAMES = {"Backend", "Compiled", "ConvertJob", "Found", "Graph", "Journal", "Machine", "Port", "Tensor"}
TABLES = {"export/bundle/model_card.py: model_card"}  # functions that are a table or a page of text
MOST_ENTRIES = 12
NO_ENTRIES = ("__init__.py", "__main__.py", "conftest.py", "py.typed", "__pycache__")  # what every folder has
# From what others build on to what is built on them: nothing imports what stands further down here.
DIRECTION = {
    "dlgsanet": (
        "errors",
        "storage",
        "command_line",
        "imaging",
        "network",
        "kernels",
        "checkpoints",
        "training",
        "commands",
    ),
    "export": (
        *(
            "pictures",
            "targets",
            "graph",
            "machine",
            "rewriting",
            "quantization",
            "backends",
            "tuning",
            "networks",
            "bundle",
        ),
        "commands",
    ),
    "runtimes": (
        "file_formats",
        "bundle",
        "machine",
        "runner",
        "fidelity",
        "backends",
        "serving",
        "upscale",
        "doctor",
        "commands",
    ),
    "benchmarks": (
        *("records", "subjects", "gates", "accuracy", "latency", "report", "run_check", "run_bench", "demo"),
        "commands",
    ),
}
# Tests of several modules together, or of none.
TESTS_OF_MANY = {
    "tests/dlgsanet/test_main.py",
    "tests/dlgsanet/storage/test_garbage.py",
    "tests/dlgsanet/test_privacy.py",
    "tests/export/quantization/test_quantize.py",
    "tests/runtimes/test_imports.py",
    "tests/runtimes/backends/kserve/test_real_server.py",
    "tests/runtimes/upscale/fleet/test_object_store.py",
    "tests/runtimes/backends/tensorrt/test_conformance.py",
    "tests/runtimes/backends/coreml/mil/test_operators.py",
    "tests/gpu/test_cuda.py",
    "tests/fuzz/test_slice.py",
    "tests/fuzz/test_kills.py",
}


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


def test_folders_are_small() -> None:
    places = [ROOT / room for room in (*ROOMS, "tests", "docs", "configs", "examples")]
    folders = [path for place in places for path in (place, *place.rglob("*")) if path.is_dir() and path not in DATA]
    crowded = {folder: names for folder in folders if len(names := entries(folder)) > MOST_ENTRIES}
    assert not {str(folder.relative_to(ROOT)): len(names) for folder, names in crowded.items()}


def entries(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name not in NO_ENTRIES and not path.name.startswith(".")]


def test_no_circle_of_imports() -> None:
    known = modules(ROOT, ROOMS)
    graph = edges(known)
    assert circle(graph) == []
    assert circle(between(graph, rooms_of(known))) == []


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) in (["a", "c", "b", "a"], ["a", "b", "c", "a"])


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    order = [f"{room}.{name}" for name in DIRECTION[room]]

    def rank(module: str) -> int:
        return next((number for number, name in enumerate(order) if allowed(module, (name,))), -1)

    graph = edges(modules(ROOT, (room,)))
    pairs = [(a, b) for a, others in graph.items() for b in others if not allowed(a, ("benchmarks.studies",))]
    wrong = [f"{a} imports {b}" for a, b in pairs if rank(a) >= 0 and rank(b) > rank(a)]
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_imports_the_studies(room: str) -> None:
    graph = edges(modules(ROOT, ROOMS))
    inside = ("benchmarks.studies",)
    assert not [a for a, others in graph.items() for b in others if allowed(b, inside) and not allowed(a, inside)]


@pytest.mark.parametrize("needed", ["export/backends/X/entry.py", "export/backends/X/write.py"])
def test_every_backend_folder_has_the_same_files(needed: str) -> None:
    before, after = needed.split("X")
    folders = [path for path in (ROOT / before).iterdir() if (path / "__init__.py").is_file()]
    assert folders and not [path.name for path in folders if not Path(f"{path}{after}").is_file()]


def test_tests_mirror_the_tree() -> None:
    """A file with much to test may have a folder of tests."""
    lost = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT / "tests").with_name(path.stem.removeprefix("test_"))
        named = f"tests/{path.relative_to(ROOT / 'tests').as_posix()}"
        if len(place.parts) > 1 and place.parts[0] != "project" and named not in TESTS_OF_MANY:
            tested = ((ROOT / each).with_suffix(".py").is_file() for each in (place, place.parent))
            lost += [] if (ROOT / place).is_dir() or any(tested) else [named]
    assert not lost
    assert all((ROOT / name).is_file() for name in TESTS_OF_MANY)


def test_a_class_has_a_name_of_its_own() -> None:
    """One meaning a word: a name is looked up once, whatever the room."""
    places: dict[str, list[str]] = {}
    for path in (path for room in ROOMS for path in files(room)):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED_NAMES} == {}


def test_functions_fit_a_screen() -> None:
    long = {f"{path.relative_to(ROOT)}: {name}": n for path, name, n in functions() if n > LONGEST_FUNCTION}
    assert set(long) == TABLES, long


def functions() -> Iterator[tuple[Path, str, int]]:
    """Every function of ours with its length in lines."""
    for path in (path for room in ROOMS for path in files(room)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node.name, (node.end_lineno or node.lineno) - node.lineno + 1
