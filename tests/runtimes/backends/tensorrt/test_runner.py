"""The runner on a fake engine and a GPU whose streams run late: shapes, addresses, order, and every error."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import BackendError, InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.tensorrt.engine_record import (
    engine_path,
    sidecar_path,
)
from runtimes.backends.tensorrt.runner import TensorRTRunner
from runtimes.bundle.manifest import Artifact, read_manifest
from runtimes.runner.contract import OutputError, RunOptions
from tests.runtimes.backends.tensorrt.fakes.fake_engines import MARK, built


@pytest.fixture
def artifact(graphs: Path) -> Artifact:
    return read_manifest(graphs).artifacts[0]


@pytest.fixture
def make(graphs, artifact, cuda, fake_package):
    """A maker of closed runners on the fake GPU; the package behaves as told."""

    def maker(options=RunOptions("GPU"), **behaviour) -> TensorRTRunner:  # noqa: B008
        fake_package(**behaviour)
        import tensorrt

        tensorrt.enqueue = cuda.enqueue
        return TensorRTRunner(graphs, artifact, 2, options, cuda=lambda: cuda)

    built(graphs, artifact)
    return maker


def upscaled(lr: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(lr, 2, 2), 2, 3)


@pytest.fixture
def lr() -> np.ndarray:
    return np.random.default_rng(1).random((1, 3, 16, 16), dtype=np.float32)


@pytest.mark.parametrize("graph", [False, True])
def test_a_tile_goes_up_through_the_engine_and_down(make, cuda, lr, graph):
    with make(RunOptions("GPU", cuda_graph=graph)) as run:
        first = run.infer(lr)
        second = run.infer(1 - lr)
        np.testing.assert_array_equal(first, upscaled(lr))
        np.testing.assert_array_equal(second, upscaled(1 - lr))
        assert run.info.reported_precision == "fp16"
        assert run.info.device == f"Fake Orin (sm87{', CUDA graph' if graph else ''})"
        assert run.info.versions == {"tensorrt": "10.3.0", "cuda": "fake"}
        assert run.macs() == {"fp16": 5}
        assert run.device_ms() == {"upload": 1.0, "compute": 1.0, "download": 1.0}
        assert len(cuda.streams) == 1  # buffers and stream are used again
    assert cuda.closed
    assert [line.split()[0] for line in cuda.log if line != "captured"][-3:] == ["upload", "compute", "download"]


@pytest.mark.parametrize("graph", [False, True])
def test_tiles_overlap_and_keep_their_order(make, cuda, graph):
    picture = np.random.default_rng(3).random((1, 3, 50, 70), dtype=np.float32)
    with make(RunOptions("GPU", cuda_graph=graph)) as run:
        whole = run(picture, overlap=4)
        np.testing.assert_allclose(whole, upscaled(picture), atol=1e-6)
        strips = np.concatenate([strip for _, strip in run.rows(picture, overlap=4)], axis=2)
        np.testing.assert_array_equal(strips, whole)
    assert len(cuda.streams) == 2  # two tiles on their way, each with its own stream
    computed = [line for line in cuda.log if line.startswith("compute")][(2 if graph else 0) :]
    assert computed[:4] == ["compute on 1", "compute on 2"] * 2 or computed[:4] == ["compute on 2", "compute on 1"] * 2


def test_the_next_tile_is_on_its_way_before_the_last_one_is_fetched(make, cuda):
    """What makes it overlap: tile 2 is enqueued before anybody waits for tile 1."""
    with make() as run:
        taken = []

        def tiles():
            for number in range(4):
                taken.append(number)
                yield np.full((1, 3, 16, 16), number / 4, np.float32)

        answers = run._infer_each(tiles())
        assert next(answers)[0, 0, 0, 0] == 0
        assert taken == [0, 1, 2]
        assert [float(sr[0, 0, 0, 0]) for sr in answers] == [0.25, 0.5, 0.75]


def test_a_stream_left_early_and_one_beside_it_disturb_nobody(make, lr):
    picture = np.random.default_rng(4).random((1, 3, 60, 60), dtype=np.float32)
    with make() as run:
        rows = run.rows(picture, overlap=4)
        next(rows)
        np.testing.assert_array_equal(run.infer(lr), upscaled(lr))  # while tiles of the picture are on their way
        next(rows)
        other = run.rows(1 - picture, overlap=4)
        next(other)
        rows.close()
        rest = np.concatenate([strip for _, strip in other], axis=2)
        np.testing.assert_allclose(rest, upscaled(1 - picture)[:, :, -rest.shape[2] :], atol=1e-6)


def test_the_engines_own_word_on_precision_counts(make):
    layer = {"Name": "c", "LayerType": "conv", "Inputs": [{"Dimensions": [1, 3, 16, 16], "Format/Datatype": "Float"}]}
    with make(inspector=json.dumps({"Layers": [layer]})) as run:
        assert run.info.reported_precision == "fp32"
        assert "fp16 was requested" in run.info.precision_mismatch


def test_no_kernels_seen_is_no_claim(make, graphs, artifact):
    runner = make()
    built(graphs, artifact, kernels={})
    with runner as run:
        assert run.info.reported_precision == "unknown"


def test_weak_typing_and_scales_are_said(make, graphs, artifact):
    runner = make()
    built(graphs, artifact, options={"typing": "weak"}, scales="fp16")
    with runner as run:
        assert "types chosen by TensorRT" in run.info.device
        assert run.info.versions["int8-scales"] == "fp16"


def test_without_a_gpu_it_is_not_run_here(graphs):
    with pytest.raises(UnavailableError, match="no NVIDIA GPU can be used here"):
        open_runner(graphs, "tensorrt-fp16", device="GPU").__enter__()


def test_the_gpu_must_be_asked_for(make, cuda):
    with pytest.raises(UnavailableError, match="add --device GPU"):
        make(RunOptions("CPU")).__enter__()
    assert cuda.closed


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"sm": "sm110"}, UnavailableError, r"for sm110, this GPU is sm87: run `dlgsanet build`"),
        ({"version": "10.16.2"}, UnavailableError, r"built by tensorrt 10.16.2, here is 10.3.0"),
        ({"platform": "linux-riscv64"}, UnavailableError, "built on linux-riscv64"),
        ({"onnx_sha256": "0" * 64}, UnavailableError, "older than the bundle's"),
        ({"artifact": "tensorrt-fp32-16x16"}, InputError, "that of tensorrt-fp32-16x16"),
        ({"engine_sha256": "1" * 64}, InputError, "changed after it was built"),
        ({"library": "os"}, InputError, "built by 'os', which is not known"),
    ],
)
def test_a_foreign_or_stale_engine_is_refused_before_it_is_read(
    make, graphs, artifact, monkeypatch, changes, kind, message
):
    runner = make()
    import tensorrt

    monkeypatch.setattr(tensorrt.Runtime, "deserialize_cuda_engine", lambda *_: pytest.fail("it was read"))
    built(graphs, artifact, **changes)
    with pytest.raises(kind, match=message):
        runner.__enter__()


def test_a_tampered_engine_is_refused(make, graphs, artifact):
    runner = make()
    engine = graphs / engine_path(artifact, "sm87")
    engine.write_bytes(engine.read_bytes() + b" ")
    with pytest.raises(InputError, match="changed after it was built"):
        runner.__enter__()


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not valid JSON"), ("{}", "'schema' is missing"), ("[" * 10000, "JSON"), ('{"schema": NaN}', "NaN")],
)
def test_a_torn_sidecar_is_one_line(make, graphs, artifact, text, message):
    runner = make()
    (graphs / sidecar_path(engine_path(artifact, "sm87"))).write_text(text)
    with pytest.raises(InputError, match=message):
        runner.__enter__()


@pytest.mark.parametrize("missing", ["engine", "sidecar"])
def test_an_engine_that_is_not_built(make, graphs, artifact, missing):
    runner = make()
    engine = engine_path(artifact, "sm87")
    (graphs / (engine if missing == "engine" else sidecar_path(engine))).unlink()
    with pytest.raises(UnavailableError, match="no engine is built for this device"):
        runner.__enter__()


@pytest.mark.parametrize(
    ("behaviour", "kind", "message"),
    [
        ({"mode": "memory"}, BackendError, "no execution context"),
        ({"dtype": "HALF"}, InputError, "'lr' is not float32"),
        ({"version": "11.4.0"}, UnavailableError, "here is 11.4.0"),
    ],
)
def test_an_engine_that_does_not_load(make, cuda, behaviour, kind, message):
    with pytest.raises(kind, match=message):
        make(**behaviour).__enter__()
    assert cuda.closed


def test_an_engine_of_another_shape(make, graphs, artifact):
    runner = make()
    data = MARK + json.dumps({"tile": [16, 24]}).encode()
    built(graphs, artifact, engine_sha256=hashlib.sha256(data).hexdigest())
    (graphs / engine_path(artifact, "sm87")).write_bytes(data)
    with pytest.raises(InputError, match=r"expected 'lr' of shape \[1, 3, 16, 16\]"):
        runner.__enter__()


def test_what_tensorrt_cannot_read_is_said_in_its_words(make, graphs, artifact):
    runner = make()
    built(graphs, artifact, engine_sha256=hashlib.sha256(b"noise").hexdigest())
    (graphs / engine_path(artifact, "sm87")).write_bytes(b"noise")
    with pytest.raises(InputError, match="Magic tag does not match; build or export it again"):
        runner.__enter__()


def test_a_launch_that_fails(make, lr):
    with make(mode="fail") as run, pytest.raises(BackendError, match="TensorRT failed"):
        run.infer(lr)


def test_a_gpu_that_fails_later(make, cuda, lr):
    with make() as run:
        run.infer(lr)
        cuda.failing = True
        with pytest.raises(BackendError, match="illegal memory access"):
            run.infer(lr)
        cuda.failing = False


def test_nan_is_refused_for_one_tile_and_for_many(make, lr):
    with make(mode="nan") as run:
        with pytest.raises(OutputError, match="NaN"):
            run.infer(lr)
        with pytest.raises(OutputError, match="NaN"):
            run(np.concatenate([lr, lr], axis=3), overlap=4)
        with pytest.raises(OutputError, match="NaN"):
            run.infer(lr)


def test_a_missing_wait_would_be_seen(make, cuda):
    """The planted fault: without the event between tiles, a later tile may compute first."""
    cuda.wait = lambda stream, event: None
    with make() as run:
        answers = run._infer_each(iter([np.full((1, 3, 16, 16), n / 4, np.float32) for n in range(3)]))
        list(answers)
    computed = [line for line in cuda.log if line.startswith("compute")]
    in_order = all(one != other for one, other in pairwise(computed))
    assert in_order is not cuda.eager
