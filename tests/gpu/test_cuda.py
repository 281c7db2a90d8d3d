"""On a CUDA machine: torch against the CPU, the runner's CUDA layers, and an engine built and run. `pytest -m gpu`.

None of this has run for the project: its machines have no NVIDIA GPU.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import UnavailableError
from runtimes.backends.tensorrt.cuda.by_runtime_library import CtypesCuda, PythonCuda
from runtimes.backends.tensorrt.cuda.by_torch import TorchCuda
from runtimes.backends.tensorrt.cuda.interface import Cuda
from runtimes.backends.tensorrt.cuda.open_cuda import open_cuda

pytestmark = pytest.mark.gpu
torch = pytest.importorskip("torch")
TILE = (64, 64)
PRECISIONS = {"fp32": 90.0, "fp16": 60.0, "bf16": 40.0}
"""dB to the CPU's fp32, at least; bf16 by autocast, which keeps sums in fp32."""


@pytest.fixture(scope="module", autouse=True)
def gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(scope="module")
def lr() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, *TILE), dtype=np.float32)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_torch_on_the_gpu_agrees_with_the_cpu(lr, precision):
    from dlgsanet import load_model

    model = load_model("nano-x4")
    kinds = {"fp16": torch.float16, "bf16": torch.bfloat16}
    with torch.inference_mode():
        expected = model(torch.from_numpy(lr)).numpy()
        on_gpu = model.to("cuda")
        half = precision != "fp32"
        with torch.autocast("cuda", kinds.get(precision, torch.float16), enabled=half):
            found = on_gpu(torch.from_numpy(lr).to("cuda")).float().cpu().numpy()
    error = float(np.mean((found - expected) ** 2))
    assert -10 * np.log10(max(error, 1e-20)) >= PRECISIONS[precision]


@pytest.mark.parametrize("way", [TorchCuda, PythonCuda, CtypesCuda])
def test_every_way_to_cuda_moves_bytes_in_order(way, lr):
    try:
        cuda: Cuda = way()
    except UnavailableError as error:
        pytest.skip(str(error))
    host, back = cuda.host(lr.shape), cuda.host(lr.shape)
    there, stream = cuda.device(lr.nbytes), cuda.stream()
    first, second = cuda.event(), cuda.event()
    host.array[...] = lr
    cuda.record(first, stream)
    cuda.upload(there, host, stream)
    cuda.download(back, there, stream)
    cuda.record(second, stream)
    cuda.synchronize(stream)
    np.testing.assert_array_equal(back.array, lr)
    assert cuda.elapsed_ms(first, second) > 0
    assert cuda.gpu().sm.startswith("sm")
    cuda.close()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    if not any(importlib.util.find_spec(name) for name in ("tensorrt", "tensorrt_rtx")):
        pytest.skip("neither tensorrt nor tensorrt_rtx is installed")
    from export.bundle.options import ExportOptions
    from export.bundle.writer import export_bundle

    out = tmp_path_factory.mktemp("gpu") / "bundle"
    export_bundle("nano-x4", out, ExportOptions(("tensorrt-fp32", "tensorrt-fp16"), (TILE,)))
    return out


@pytest.mark.parametrize("graph", [False, True])
def test_engines_are_built_and_agree_with_the_cpu(bundle, lr, graph):
    from dlgsanet import load_model
    from runtimes import open_runner
    from runtimes.backends.tensorrt.building.options import BuildOptions
    from runtimes.backends.tensorrt.building.run import build_engines

    try:
        build_engines(bundle, BuildOptions())
    except UnavailableError as error:  # TensorRT-RTX does not know every GPU
        pytest.skip(str(error))
    with torch.inference_mode():
        expected = load_model("nano-x4")(torch.from_numpy(lr)).numpy()
    for precision in ("fp32", "fp16"):
        with open_runner(bundle, f"tensorrt-{precision}", device="GPU", cuda_graph=graph) as run:
            assert run.info.precision_mismatch is None
            error = float(np.mean((run.infer(lr) - expected) ** 2))
            assert run.device_ms()["compute"] > 0
        assert -10 * np.log10(max(error, 1e-20)) >= PRECISIONS[precision]


def test_the_default_way_is_torch():
    cuda = open_cuda()
    assert cuda.name.startswith("torch")
    cuda.close()
