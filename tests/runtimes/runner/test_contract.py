"""One contract for every runner: they behave alike, errors included, on real engines, interpreters and stand-ins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import ExitCode, InputError
from runtimes import open_runner
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.tensorrt import REFERENCE as TENSORRT_REFERENCE
from runtimes.backends.tensorrt.runner import TensorRTRunner
from runtimes.backends.torch.runner import TorchRunner
from runtimes.bundle.manifest import Artifact, read_manifest
from runtimes.machine.processor import available_threads
from runtimes.runner import contract
from runtimes.runner.contract import OutputError, RunInfo, Runner, RunOptions
from runtimes.runner.tiling import upscale_tiled
from tests.runtimes.backends.coreml.fake_coreml import pretend
from tests.runtimes.backends.executorch import executorch_kit
from tests.runtimes.backends.litert.litert_kit import NAME as LITERT_NAME
from tests.runtimes.backends.litert.litert_kit import add_artifact, tiny_tflite
from tests.runtimes.backends.tensorrt.fakes.fake_cuda import FakeCuda
from tests.runtimes.backends.tensorrt.fakes.fake_engines import TABLE, built, install

Make = Callable[[], Runner]
INTERPRETERS = ("coreml-reference", "tensorrt-reference")
FAKES = ("coreml", "tensorrt")  # engines that this machine has not: stand-ins that compute the tiny network in NumPy


@pytest.fixture(params=["torch", "onnxruntime", "openvino", "litert", "executorch", *INTERPRETERS, *FAKES])
def make(request: pytest.FixtureRequest, bundle: Path, kit) -> Make:
    """A maker of closed runners of the tiny network on its 16x16 tile."""
    backend: str = request.param
    if backend == "torch":
        return lambda: TorchRunner(kit.numpy, kit.scale, kit.tile, "tiny", threads=1)
    if backend in ("litert", "executorch", *INTERPRETERS, *FAKES):
        maker: Make = request.getfixturevalue(backend.replace("-", "_"))
        return maker
    pytest.importorskip(backend)
    return lambda: open_runner(bundle, f"{backend}-fp32-16x16", threads=1)


@pytest.fixture
def litert(bundle: Path, kit) -> Make:
    add_artifact(bundle, kit, tiny_tflite(kit))
    return lambda: open_runner(bundle, LITERT_NAME, threads=1)


@pytest.fixture
def executorch(bundle: Path, kit) -> Make:
    name = executorch_kit.add_artifact(bundle, kit, executorch_kit.compiled(kit.onnx_bytes()), tile=kit.tile).id
    return lambda: open_runner(bundle, name, threads=1)


@pytest.fixture
def coreml_reference(packages: Path) -> Make:
    return lambda: open_runner(packages, "coreml-fp32", device=REFERENCE)


@pytest.fixture
def coreml(packages: Path, kit, monkeypatch: pytest.MonkeyPatch) -> Make:
    pretend(monkeypatch, kit.numpy)
    return lambda: open_runner(packages, "coreml-fp32", threads=1)


@pytest.fixture
def typed(bundle: Path, kit) -> tuple[Path, Artifact]:
    """The tiny network as a TensorRT artifact."""
    known = read_manifest(bundle).artifacts[0]
    artifact = kit.artifact("tensorrt", "fp32", kit.tile, known.path, dict(known.files))
    kit.write(bundle, kit.manifest([artifact]))
    return bundle, artifact


@pytest.fixture
def tensorrt_reference(typed: tuple[Path, Artifact]) -> Make:
    pytest.importorskip("onnxruntime")
    return lambda: open_runner(typed[0], "tensorrt-fp32", device=TENSORRT_REFERENCE, threads=1)


@pytest.fixture
def tensorrt(typed: tuple[Path, Artifact], kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    place, artifact = typed
    install(tmp_path / "packages", monkeypatch)
    table = {**TABLE, "dense_convolutions": {"fp32": 2}}
    built(place, artifact, kernels=table)

    def maker() -> Runner:
        import tensorrt as fake

        cuda = FakeCuda()
        fake.enqueue, fake.compute = cuda.enqueue, kit.numpy
        return TensorRTRunner(place, artifact, kit.scale, RunOptions("GPU"), cuda=lambda: cuda)

    yield maker
    sys.modules.pop("tensorrt", None)


@pytest.fixture
def lr() -> np.ndarray:
    return np.random.default_rng(1).random((1, 3, 16, 16), dtype=np.float32)


def test_a_tile_is_upscaled(make: Make, lr, kit):
    with make() as run:
        sr = run.infer(lr)
        assert (run.scale, run.tile, run.tiles) == (2, (16, 16), ((16, 16),))
    assert sr.dtype == np.float32
    np.testing.assert_allclose(sr, kit.numpy(lr), atol=2e-5)


def test_unchecked_runs_give_the_same(make: Make, lr):
    with make() as run:
        assert np.array_equal(run.infer(lr), run.infer(lr, checked=False))


def test_an_output_is_not_overwritten_by_the_next_run(make: Make, lr):
    with make() as run:
        first = run.infer(lr)
        kept = first.copy()
        run.infer(1 - lr)
        assert np.array_equal(first, kept)


def test_any_size_and_batch(make: Make, picture):
    batch = np.concatenate([picture, picture[:, :, ::-1]])
    with make() as run:
        sr = run(batch, overlap=4)
        one = run(picture, overlap=4)
        strips = list(run.rows(picture, overlap=4))
        assert run(picture[:, :, :1, :1], overlap=4).shape == (1, 3, 2, 2)
    assert sr.shape == (2, 3, 74, 100)
    np.testing.assert_array_equal(sr[:1], one)
    np.testing.assert_array_equal(np.concatenate([strip for _, strip in strips], axis=2), one)
    assert [y0 for y0, _ in strips] == list(np.cumsum([0] + [strip.shape[2] for _, strip in strips])[:-1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples_of_a_file_give_what_their_floats_give(make: Make, dtype: type):
    peak = np.iinfo(dtype).max
    samples = np.random.default_rng(2).integers(0, peak, (1, 3, 21, 37), dtype, endpoint=True)
    with make() as run:
        plain = upscale_tiled(run.infer, samples.astype(np.float32) / np.float32(peak), run.scale, (16, 16), 4)
        strips = [strip for _, strip in run.rows(samples, overlap=4)]
    assert np.array_equal(np.concatenate(strips, axis=2), plain)  # and the engine's requests are kept apart


def test_who_wants_no_more_rows_may_leave(make: Make, picture):
    with make() as run:
        first = next(run.rows(picture, overlap=4))[1].copy()
        assert np.array_equal(next(run.rows(picture, overlap=4))[1], first)


def test_info_says_what_runs(make: Make):
    with make() as run:
        info = run.info
    assert info.requested_precision == info.reported_precision == "fp32"
    assert info.precision_mismatch is None
    asked_of = {REFERENCE: "coreml", TENSORRT_REFERENCE: "tensorrt"}
    assert info.threads == (available_threads() if info.device.startswith("Core ML") else 1)
    assert "CPU" in info.device or info.device in asked_of or info.device == "Fake Orin (sm87)"
    assert info.backend == asked_of.get(info.device, info.backend)


@pytest.mark.parametrize(
    ("device", "reported", "in_pairs", "no_vnni", "said"),
    [
        ("CPU", "int8", True, True, True),
        ("CPUExecutionProvider", "int8-mixed", True, True, True),
        ("CPU", "int8", True, False, False),
        ("CPU", "int8", False, True, False),
        ("CPU", "fp32", True, True, False),
        ("GPU", "int8", True, True, False),
    ],
)
def test_a_processor_that_spoils_int8_is_named(monkeypatch, device, reported, in_pairs, no_vnni, said):
    monkeypatch.setattr(contract, "overflows_int8", lambda: no_vnni)
    info = RunInfo("a", "b", device, reported, reported, 1, {}, int8_in_pairs=in_pairs)
    assert ("no VNNI" in info.caution) == said


def test_the_device_is_taken_on_enter_only(make: Make, lr, bundle: Path):
    runner = make()
    for use in (lambda: runner.infer(lr), lambda: runner(lr), lambda: runner.rows(lr), lambda: runner.info):
        with pytest.raises(InputError, match="inside `with open_runner"):
            use()
    with runner as run:
        with pytest.raises(InputError, match="already open"):
            runner.__enter__()
        assert run.infer(lr).shape == (1, 3, 32, 32)  # the refusal above did not close it
    with pytest.raises(InputError, match="inside `with"):
        runner.infer(lr, checked=False)
    with runner as run:  # a runner may be opened again
        run.infer(lr)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:, :, :15], "expected one tile of 16x16"),
        (lambda x: np.concatenate([x, x]), "expected one tile of 16x16"),
        (lambda x: x[:, :1], "N x 3 x H x W"),
        (lambda x: x[0], "N x 3 x H x W"),
        (lambda x: x.astype(np.float64), "float64"),
        (lambda x: (x * 255).astype(np.uint8), "uint8"),
        (lambda x: x * 255, "divide by"),
        (lambda x: x.tolist(), "NumPy array, found list"),
        (lambda x: x - 0.5, r"expected pixels in \[0, 1\]"),
        (lambda x: np.where(x > 0.9, np.float32(np.nan), x), "NaN"),
        (lambda x: np.where(x > 0.9, np.float32(-np.inf), x), "NaN or infinity"),
    ],
)
def test_a_bad_tile_is_refused(make: Make, lr, spoil, message):
    with make() as run, pytest.raises(InputError, match=message):
        run.infer(spoil(lr))


@pytest.mark.parametrize("spoil", [lambda x: x * np.float32(np.nan), lambda x: x[:, :, :0], lambda x: x[:, :2]])
def test_a_bad_image_is_refused(make: Make, picture, spoil):
    with make() as run:
        with pytest.raises(InputError):
            run(spoil(picture))
        with pytest.raises(InputError):
            run.rows(spoil(picture))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.full((1, 3, 32, 32), np.nan, np.float32), "NaN or infinity"),
        (
            lambda x: np.where(np.arange(32) == 3, np.inf, np.ones((1, 3, 32, 32))).astype(np.float32),
            "infinity",
        ),
        (lambda x: np.zeros((1, 3, 32, 32), np.float32), "0 everywhere"),
        (lambda x: np.zeros((1, 3, 16, 16), np.float32), "expected float32 of shape"),
        (lambda x: np.random.default_rng(0).random((1, 3, 32, 32)), "float64"),
    ],
)
def test_a_broken_engine_is_caught(lr, function, message):
    with TorchRunner(function, 2, (16, 16), "broken") as run:
        with pytest.raises(OutputError, match=message) as caught:
            run.infer(lr)
        assert "broken" in str(caught.value) and caught.value.exit_code == ExitCode.GATE
        run.infer(lr, checked=False)  # timing may skip the checks


def test_a_constant_output_is_right_for_a_constant_input():
    flat = np.full((1, 3, 16, 16), 0.5, np.float32)
    flat[0, 0, 0, 0] += 1e-3  # below what bf16 can tell apart
    with TorchRunner(lambda x: np.full((1, 3, 32, 32), 0.5, np.float32), 2, (16, 16), "flat") as run:
        assert run.infer(flat).max() == 0.5
