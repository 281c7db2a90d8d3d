"""What builder and runner call exists in the real bindings: TensorRT 10.3, 10.13, 10.16, 11.4 and TensorRT-RTX.

The bindings' wheels (1.2 MB each, `make tensorrt-wheels`, or a folder named by TENSORRT_WHEELS) are imported over stub
libraries that are compiled here, so that no NVIDIA library is needed. The names are read from our source: what it uses
must be there, but for what it asks for by `hasattr`.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
HERE = Path(__file__).parent
WHEELS = Path(os.environ.get("TENSORRT_WHEELS", ROOT / "build" / "tensorrt-wheels"))
VERSIONS = ("10.3.0", "10.13.3.9", "10.16.1.11", "11.4.0.106")
FILES = ("compiling/worker", "compiling/kept_kernels", "library_log", "runner")
SOURCES = tuple(f"runtimes/backends/tensorrt/{name}.py" for name in FILES)
# What a variable of ours holds.
KINDS = {
    "builder": "Builder", "network": "INetworkDefinition", "parser": "OnnxParser", "config": "IBuilderConfig",
    "error": "ParserError", "cache": "ITimingCache", "found": "ITimingCache", "inspector": "EngineInspector",
    "_runtime": "Runtime", "_engine": "ICudaEngine", "_context": "IExecutionContext",
    "cuda_engine": "ICudaEngine", "runtime_config": "IRuntimeConfig", "kernels": "IRuntimeCache",
}  # fmt: skip
BEHIND = {"ComputeCapability": {"num_compute_capabilities", "set_compute_capability", "__members__"}}
"""Names that are used only where another one was found by `hasattr`."""

RTX_ALONE = ("trt.IRuntimeConfig", "trt.IRuntimeCache")
"""Classes that are used only where an engine has `create_runtime_config`."""

STUBS = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
STUB = """
#include <stddef.h>
void *createInferBuilder_INTERNAL(void *logger, int version) { return NULL; }
void *createInferRefitter_INTERNAL(void *engine, void *logger, int version) { return NULL; }
void *createInferRuntime_INTERNAL(void *logger, int version) { return NULL; }
void *createNvOnnxParserRefitter_INTERNAL(void *refitter, void *logger, int version) { return NULL; }
void *createNvOnnxParser_INTERNAL(void *network, void *logger, int version) { return NULL; }
void *getBuilderPluginRegistry(int capability) { return NULL; }
int getNvOnnxParserVersion(void) { return 0; }
void *getPluginRegistry(void) { return NULL; }
int initLibNvInferPlugins(void *logger, const char *space) { return 1; }
"""


def used_names(source: str) -> tuple[dict[str, set[str]], set[str]]:
    """{path of a class or `trt`: names used on it}, and the names that are asked for by `hasattr`."""
    used: dict[str, set[str]] = defaultdict(set)
    asked: set[str] = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("hasattr", "getattr"):
            if isinstance(node.args[1], ast.Constant):
                asked.add(str(node.args[1].value))
        elif isinstance(node, ast.Attribute):
            owner = _owner(node.value)
            if owner is not None:
                used[owner].add(node.attr)
    return used, asked


def _owner(value: ast.expr) -> str | None:
    """`trt.A` of `trt.A.b`, `trt` of `trt.A`, the class of a variable that we know."""
    if isinstance(value, ast.Name) and value.id == "trt":
        return "trt"
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "trt":
        return f"trt.{value.attr}"
    name = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
    return f"trt.{KINDS[name]}" if name in KINDS else None


def wanted() -> tuple[dict[str, list[str]], set[str]]:
    used: dict[str, set[str]] = defaultdict(set)
    asked: set[str] = set()
    for path in SOURCES:
        of_file, asked_there = used_names((ROOT / path).read_text())
        for owner, names in of_file.items():
            used[owner] |= names
        asked |= asked_there
    for name, others in BEHIND.items():
        asked |= others if name in asked else set()
    return {owner: sorted(names) for owner, names in used.items()}, asked


@pytest.fixture(scope="module", params=[*VERSIONS, "rtx"])
def bindings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    """(version, folder to import from, package)."""
    if request.param == "rtx":
        spec = importlib.util.find_spec("tensorrt_rtx")
        if spec is None or spec.origin is None:
            pytest.skip("tensorrt_rtx is not installed")
        return "rtx", Path(spec.origin).parents[1], "tensorrt_rtx"
    found = sorted(
        WHEELS.glob(f"tensorrt_cu*_bindings-{request.param}-cp{sys.version_info[0]}{sys.version_info[1]}-*.whl")
    )
    if not found:
        pytest.skip(f"no wheel of the {request.param} bindings for this Python in {WHEELS} (make tensorrt-wheels)")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make stub libraries")
    folder = tmp_path_factory.mktemp(request.param)
    with zipfile.ZipFile(found[0]) as wheel:
        wheel.extractall(folder)
    (folder / "stub.c").write_text(STUB)
    for name in STUBS:
        library = folder / "tensorrt_bindings" / f"lib{name}.so.{request.param.split('.')[0]}"
        command = [
            compiler,
            "-shared",
            "-fPIC",
            f"-Wl,-soname,{library.name}",
            "-o",
            str(library),
            str(folder / "stub.c"),
        ]
        subprocess.run(command, check=True, capture_output=True)
    return request.param, folder, "tensorrt_bindings"


@pytest.fixture(scope="module")
def report(bindings: tuple[str, Path, str]) -> dict:
    _, folder, package = bindings
    names, _ = wanted()
    done = subprocess.run(
        [sys.executable, str(HERE / "bindings_probe.py"), str(folder), package, json.dumps(names)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_everything_used_is_there_or_asked_for(report):
    _, asked = wanted()
    missing = [name.rpartition(".") for name in report["missing"]]
    assert not [(owner, name) for owner, _, name in missing if name not in asked and owner not in RTX_ALONE]


def test_our_logger_and_monitor_are_the_librarys_own_kind(report):
    assert report["errors"] == ["two lines"]
    assert report["lines"] == ["Name: x, LayerType: y"]
    assert report["keeps_on"] is True and report["steps"][0] == "Building: 2 steps"


def test_signatures_are_as_called(report):
    assert "ignore_mismatch" in report["timing_cache"]
    assert "stream_handle" in report["execute"]
    assert report["typed"] in (0, 1)


def test_rtx_has_the_cache_of_kernels(report, bindings):
    if bindings[0] == "rtx":
        assert not [name for name in report["missing"] if name.rpartition(".")[0] in RTX_ALONE]
        assert "trt.ICudaEngine.create_runtime_config" not in report["missing"]
        assert "runtime_config" in report["contexts"]


def test_a_library_that_makes_no_builder_raises_what_we_catch(report, bindings):
    if bindings[0] != "rtx":
        assert report["builder"] in ("TypeError", "RuntimeError")


def test_the_stand_in_invents_no_names():
    """What the fake package of the other tests has is used by us, so that the tests above hold it against the real."""
    tree = ast.parse((HERE / "fakes" / "fake_tensorrt.py").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    real = {name: node for name, node in classes.items() if name not in ("Cache", "Severity")}
    names, asked = wanted()
    for name, node in real.items():
        methods = [it.name for it in node.body if isinstance(it, ast.FunctionDef) and not it.name.startswith("_")]
        assert set(methods) <= {*names.get(f"trt.{name}", ()), *asked}, name


def test_the_reading_of_our_source_sees_something():
    names, asked = wanted()
    assert {"BuilderFlag", "OnnxParser", "Runtime"} <= set(names["trt"])
    assert "build_serialized_network" in names["trt.Builder"]
    assert {"execute_async_v3", "set_tensor_address"} <= set(names["trt.IExecutionContext"])
    assert {"IProgressMonitor", "STRONGLY_TYPED"} <= asked
    used, _ = used_names("trt.Nowhere.no(); config.never()")
    assert used == {"trt": {"Nowhere"}, "trt.Nowhere": {"no"}, "trt.IBuilderConfig": {"never"}}
