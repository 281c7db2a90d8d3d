"""A GPU that is not there, a libcudart on host memory, TensorRT's stand-in, and bundles for them."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.runtimes.backends.tensorrt.fakes.fake_cuda import FakeCuda
from tests.runtimes.backends.tensorrt.fakes.fake_engines import install

HERE = Path(__file__).parent


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def cuda(request: pytest.FixtureRequest) -> FakeCuda:
    return FakeCuda(request.param)


@pytest.fixture(scope="session")
def cudart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libcudart that was compiled here."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a stand-in for libcudart")
    folder = tmp_path_factory.mktemp("cudart")
    target = folder / "libcudart.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(target), str(HERE / "fakes" / "fake_cudart.c")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`fake_package(**behaviour)`: from then on `import tensorrt` is the stand-in, here and in child processes."""
    yield partial(install, tmp_path / "packages", monkeypatch)
    sys.modules.pop("tensorrt", None)


@pytest.fixture
def device(fake_package, cudart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`device(**behaviour)`: a machine with a fake GPU and a fake TensorRT, for processes as well."""
    from runtimes.backends.tensorrt.building import run as tensorrt_builder
    from runtimes.backends.tensorrt.cuda import by_runtime_library as cuda_runtime

    monkeypatch.setattr(tensorrt_builder, "require_clean", lambda data, name: None)  # the stand-in reads any bytes
    monkeypatch.setattr(cuda_runtime, "FOLDERS", (f"{cudart}/",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return fake_package


@pytest.fixture
def graphs(tmp_path: Path, kit) -> Path:
    """A bundle with TensorRT graphs in fp16 and int8; the fake builder reads none of them."""
    bundle = tmp_path / "graphs"
    (bundle / "tensorrt").mkdir(parents=True)
    (bundle / "reference").mkdir()
    (bundle / "reference" / "model.safetensors").write_bytes(b"weights")
    artifacts = []
    for precision, names in (("fp16", ("",)), ("int8", ("", ".fp16-scales"))):
        stem = f"tensorrt/tensorrt-{precision}-16x16"
        files = {}
        for suffix in names:
            data = f"graph in {precision}{suffix}".encode()
            (bundle / f"{stem}{suffix}.onnx").write_bytes(data)
            files[f"{stem}{suffix}.onnx"] = hashlib.sha256(data).hexdigest()
        made = kit.artifact("tensorrt", "fp16", kit.tile, f"{stem}.onnx", files)
        fields = {**vars(made), "precision": precision, "id": f"tensorrt-{precision}-16x16"}
        artifacts.append(type(made)(**fields))
    kit.write(bundle, kit.manifest(artifacts))
    return bundle


importlib.invalidate_caches()
