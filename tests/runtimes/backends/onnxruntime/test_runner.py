"""ONNX Runtime: no fallback, no file that the manifest does not list, nothing loaded that is not what it
says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dlgsanet.errors import ExitCode, InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.interface.engines import Engine
from runtimes.bundle.manifest import read_manifest

ort = pytest.importorskip("onnxruntime")

NAME = "onnxruntime-fp32-16x16"
PATH = "onnx/fp32-16x16.onnx"


def install(bundle: Path, kit, data: bytes, **files: bytes) -> None:
    """Put another model into the bundle, with a manifest that fits it."""
    (bundle / PATH).write_bytes(data)
    hashes = {PATH: kit.sha(data)}
    for name, content in files.items():
        (bundle / "onnx" / name).write_bytes(content)
        hashes[f"onnx/{name}"] = kit.sha(content)
    index = [a.id for a in read_manifest(bundle).artifacts].index(NAME)
    kit.rewrite(bundle, index, files=hashes)


def test_info(bundle):
    with open_runner(bundle, NAME, threads=2) as run:
        assert run.info.artifact == NAME
        assert run.info.device == "CPUExecutionProvider"
        assert run.info.threads == 2
        assert run.info.versions["onnxruntime"] == ort.__version__


def test_a_provider_that_is_not_there_is_said(bundle):
    with pytest.raises(UnavailableError, match=r"no device 'TPU'.*CPUExecutionProvider") as caught:
        open_runner(bundle, NAME, device="TPU").__enter__()
    assert caught.value.exit_code == ExitCode.UNAVAILABLE


def test_a_silent_fallback_is_caught(bundle, monkeypatch):
    """An engine that lists CUDA but takes the CPU: what the session has is believed, not what was asked
    for."""

    class Falls:
        def __init__(self, model, options, providers, enable_fallback):
            assert providers == ["CUDAExecutionProvider"]
            assert enable_fallback == 0
            assert options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"

        def get_providers(self):
            return ["CPUExecutionProvider"]

    fake = SimpleNamespace(
        __version__="0",
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
        InferenceSession=Falls,
        SessionOptions=ort.SessionOptions,
    )
    monkeypatch.setattr(Engine, "load", lambda self: fake)
    with pytest.raises(UnavailableError, match=r"CUDAExecutionProvider was asked for.*took CPUExecutionProvider"):
        open_runner(bundle, NAME, device="GPU").__enter__()


def test_external_data_that_is_not_listed_is_refused(bundle, kit):
    weights = kit.weight.tobytes()
    (bundle / "onnx" / "w.bin").write_bytes(weights)
    (bundle / "w.bin").write_bytes(weights)
    for location in ("w.bin", "../w.bin", "/etc/hostname"):
        install(bundle, kit, kit.onnx_bytes(external=location))
        with pytest.raises(InputError, match=f"reads '{location}', which the manifest does not list"):
            open_runner(bundle, NAME).__enter__()


def test_external_data_that_is_listed_is_loaded_if_unchanged(bundle, kit):
    install(bundle, kit, kit.onnx_bytes(external="w.bin"), **{"w.bin": kit.weight.tobytes()})
    lr = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    with open_runner(bundle, NAME, threads=1) as run:
        np.testing.assert_allclose(run.infer(lr), kit.numpy(lr), atol=2e-5)
    (bundle / "onnx" / "w.bin").write_bytes((kit.weight * 2).tobytes())
    with pytest.raises(InputError, match=r"'onnx/w\.bin' was changed"):
        open_runner(bundle, NAME).__enter__()


@pytest.mark.parametrize("data", [b"not a model", b""])
def test_what_is_no_model_is_refused(bundle, kit, data):
    install(bundle, kit, data)
    with pytest.raises(InputError) as caught:
        open_runner(bundle, NAME).__enter__()
    assert "\n" not in str(caught.value)


def test_custom_operators_are_refused(bundle, kit):
    install(bundle, kit, kit.onnx_bytes(domain="com.example"))
    with pytest.raises(InputError, match=r"ONNX Runtime cannot load it.*it runs other networks.*export it again$"):
        open_runner(bundle, NAME).__enter__()


def test_a_file_that_fails_as_it_runs_is_refused(bundle, kit):
    """The planted fault: an index beyond the end, which ONNX Runtime sees only as it gets there."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(kit.onnx_bytes())
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([99]), "index"))
    model.graph.node.insert(0, onnx.helper.make_node("Gather", ["lr", "index"], ["none"]))
    model.graph.node[1].input[0] = "none"
    install(bundle, kit, model.SerializeToString())
    with open_runner(bundle, NAME) as run, pytest.raises(InputError, match=r"ONNX Runtime failed.*it runs other"):
        run.infer(np.zeros((1, 3, 16, 16), np.float32))


def test_a_provider_that_refuses_what_the_cpu_takes_is_not_available(bundle, monkeypatch):
    def opened(model, options=None, providers=(), enable_fallback=1):
        if "CPUExecutionProvider" not in providers:
            raise RuntimeError("no kernel for DepthToSpace")

    fake = SimpleNamespace(
        __version__="0",
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
        InferenceSession=opened,
        SessionOptions=ort.SessionOptions,
    )
    monkeypatch.setattr(Engine, "load", lambda self: fake)
    with pytest.raises(UnavailableError, match="no kernel for DepthToSpace; another device takes it"):
        open_runner(bundle, NAME, device="GPU").__enter__()


def test_another_network_than_the_manifest_says_is_refused(bundle, kit):
    install(bundle, kit, kit.onnx_bytes(tile=(16, 24)))
    with pytest.raises(InputError, match=r"expected 'lr' of shape \[1, 3, 16, 16\], the file has lr \[1, 3, 16, 24\]"):
        open_runner(bundle, NAME).__enter__()


def test_a_hint_that_is_not_known_is_refused(bundle, kit):
    kit.rewrite(bundle, 0, hints={"session.load_plugin": "x.so"})
    with pytest.raises(InputError, match=r"pins 'session.load_plugin', which this runner does not know"):
        open_runner(bundle, NAME).__enter__()
