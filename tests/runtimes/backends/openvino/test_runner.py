"""OpenVINO: "if it says bf16, bf16 ran"; the device is the one named; only our own settings are pinned."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dlgsanet.errors import BackendError, InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.interface.engines import Engine
from runtimes.backends.openvino import probe as openvino_probe
from runtimes.bundle.manifest import read_manifest
from runtimes.machine.processor import available_threads

openvino = pytest.importorskip("openvino")

NAME = "openvino-fp32-16x16"
HINT = "INFERENCE_PRECISION_HINT"


def index(bundle: Path, name: str) -> int:
    return [a.id for a in read_manifest(bundle).artifacts].index(name)


@pytest.fixture
def lr() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_the_reported_precision_is_the_one_that_ran(bundle, kit, lr, precision):
    with open_runner(bundle, f"openvino-{precision}-16x16", threads=1) as run:
        info, sr = run.info, run.infer(lr)
    error = np.abs(sr - kit.numpy(lr)).max()
    assert info.requested_precision == precision
    assert (error < 1e-5) == (info.reported_precision == "fp32")
    assert error < 0.05
    if info.reported_precision == precision:
        assert info.precision_mismatch is None
    else:  # a CPU without it: OpenVINO takes another one without a word, we do not
        assert precision != "fp32"
        assert f"{precision} was requested" in (info.precision_mismatch or "")
        assert f"CPU has no {precision} on this machine" in (info.lacking or "")
    assert "fp32" in info.device_precisions


def test_two_requests_are_in_flight(bundle, lr):
    """The next tile has begun before the first answer is given, and each answer is its own."""
    taken = []

    def tiles():
        for turn in range(5):
            taken.append(turn)
            yield lr * np.float32(turn / 4)

    with open_runner(bundle, NAME, threads=1) as run:
        expected = [run.infer(lr * np.float32(turn / 4)) for turn in range(5)]
        answers = run._infer_each(tiles())
        found = [next(answers)]
        assert taken == [0, 1, 2]
        found += answers
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_request_that_fails_is_said(bundle, lr):
    with open_runner(bundle, NAME, threads=1) as run:
        request = SimpleNamespace(
            start_async=lambda inputs: None, wait=lambda: (_ for _ in ()).throw(RuntimeError("no"))
        )
        run._request = request
        with pytest.raises(InputError, match="OpenVINO failed: no"):
            list(run._infer_each(iter([lr, lr, lr])))


def test_a_precision_that_did_not_run_is_a_mismatch(bundle, kit):
    """The planted fault: an artifact called bf16 whose hint says f32."""
    kit.rewrite(bundle, index(bundle, "openvino-bf16-16x16"), hints={HINT: "f32"})
    with open_runner(bundle, "openvino-bf16", threads=1) as run:
        assert run.info.reported_precision == "fp32"
        assert run.info.precision_mismatch == ("openvino-bf16-16x16: bf16 was requested, openvino on CPU reports fp32")
        has_bf16 = "bf16" in run.info.device_precisions
        assert (run.info.lacking is None) == has_bf16  # a device that could and did not is no excuse


def test_the_hint_is_required_and_others_are_refused(bundle, kit):
    kit.rewrite(bundle, index(bundle, NAME), hints={})
    with pytest.raises(InputError, match="pins no INFERENCE_PRECISION_HINT"):
        open_runner(bundle, NAME).__enter__()
    kit.rewrite(bundle, index(bundle, NAME), hints={HINT: "f32", "CACHE_DIR": "/tmp/x"})
    with pytest.raises(InputError, match="pins 'CACHE_DIR', which this runner does not know"):
        open_runner(bundle, NAME).__enter__()
    kit.rewrite(bundle, index(bundle, NAME), hints={HINT: "f31"})
    with pytest.raises(InputError, match="OpenVINO cannot load it") as caught:
        open_runner(bundle, NAME).__enter__()
    assert "\n" not in str(caught.value)


def test_threads_are_pinned(bundle):
    for threads in {1, min(2, available_threads())}:  # the engine takes no more than there are
        with open_runner(bundle, NAME, threads=threads) as run:
            assert run.info.threads == threads
    with pytest.raises(InputError, match=r"expected 1 to .* threads"):
        open_runner(bundle, NAME, threads=0)


def test_streams_run_tiles_at_once_and_change_no_bit(bundle, lr):
    tiles = [np.roll(lr, shift, axis=3) for shift in range(7)]
    with open_runner(bundle, NAME, threads=2) as run:
        one_by_one = [run.infer(tile) for tile in tiles]
    with open_runner(bundle, NAME, threads=2, streams=2) as run:
        assert run._compiled.get_property("NUM_STREAMS") == 2 and run.info.threads == 2
        at_once = list(run._infer_each(iter(tiles)))
    assert all(np.array_equal(one, other) for one, other in zip(one_by_one, at_once, strict=True))
    with open_runner(bundle, NAME, threads=1, streams=2) as run:
        assert run._compiled.get_property("NUM_STREAMS") == 1


@pytest.mark.parametrize("device", ["AUTO", "auto:CPU", "MULTI:CPU", "HETERO:CPU"])
def test_devices_that_choose_by_themselves_are_refused(bundle, device):
    with pytest.raises(InputError, match="chooses by itself"):
        open_runner(bundle, NAME, device=device).__enter__()


def test_a_device_that_is_not_there_is_said(bundle):
    with pytest.raises(UnavailableError, match=r"no device 'NPU\.7'.*available: .*CPU"):
        open_runner(bundle, NAME, device="NPU.7").__enter__()


def test_an_artifact_without_weights_is_refused(bundle, kit):
    at = index(bundle, NAME)
    artifact = read_manifest(bundle).artifacts[at]
    kit.rewrite(bundle, at, files={artifact.path: artifact.files[artifact.path]})
    with pytest.raises(InputError, match=r"lists no 'openvino/fp32-16x16\.bin'"):
        open_runner(bundle, NAME).__enter__()


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_a_file_that_is_no_model_is_refused(bundle, kit, suffix):
    at = index(bundle, NAME)
    files = dict(read_manifest(bundle).artifacts[at].files)
    path = f"openvino/fp32-16x16{suffix}"
    (bundle / path).write_bytes(b"nothing")
    kit.rewrite(bundle, at, files={**files, path: kit.sha(b"nothing")})
    with pytest.raises(InputError, match=r"OpenVINO cannot load it.*it runs other networks.*export it again$"):
        open_runner(bundle, NAME).__enter__()


def test_an_engine_that_runs_nothing_is_at_fault_itself(bundle, kit, monkeypatch):
    """The planted fault: nothing compiles, the network of the probe no more than a whole artifact."""
    kit.rewrite(bundle, index(bundle, NAME), hints={HINT: "f31"})
    monkeypatch.setattr(openvino_probe, "MODEL", bundle / "manifest.json")
    with pytest.raises(BackendError, match="OpenVINO cannot load it"):
        open_runner(bundle, NAME).__enter__()


@pytest.mark.parametrize(("on_cpu", "kind"), [(True, InputError), (False, BackendError)])
def test_a_network_that_fails_as_it_runs_is_the_files_fault_on_a_cpu(bundle, lr, on_cpu, kind):
    def fails(_: object) -> None:
        raise RuntimeError("shape of a constant\nis wrong")

    with open_runner(bundle, NAME) as run:
        run._request, run._on_cpu = SimpleNamespace(infer=fails), on_cpu
        with pytest.raises(kind, match="OpenVINO failed: shape of a constant is wrong"):
            run.infer(lr)


def test_a_device_that_refuses_what_the_cpu_takes_is_not_available(bundle, monkeypatch):
    class Core:
        available_devices = ("CPU", "NPU")
        read_model = openvino.Core().read_model

        def compile_model(self, network: object, device: str, settings: object) -> object:
            if device == "NPU":
                raise RuntimeError("no such operation")
            return object()

    monkeypatch.setattr(Engine, "load", lambda self: SimpleNamespace(Core=Core))
    with pytest.raises(UnavailableError, match="no such operation; another device takes it"):
        open_runner(bundle, NAME, device="NPU").__enter__()


def test_another_network_than_the_manifest_says_is_refused(bundle, kit):
    at = index(bundle, NAME)
    wide = read_manifest(bundle).artifacts[index(bundle, "openvino-fp32-16x24")]
    kit.rewrite(bundle, at, path=wide.path, files=wide.files)
    with pytest.raises(InputError, match=r"expected 'lr' of shape \[1, 3, 16, 16\]"):
        open_runner(bundle, NAME).__enter__()


def test_damaged_text_that_the_engine_quotes_is_refused(bundle, kit):
    at = index(bundle, NAME)
    files = dict(read_manifest(bundle).artifacts[at].files)
    path = "openvino/fp32-16x16.xml"
    damaged = (bundle / path).read_bytes().replace(b'from-layer="', b'from-layer="\xb1', 1)
    (bundle / path).write_bytes(damaged)
    kit.rewrite(bundle, at, files={**files, path: kit.sha(damaged)})
    with pytest.raises(InputError, match="OpenVINO cannot load it"):
        open_runner(bundle, NAME).__enter__()
