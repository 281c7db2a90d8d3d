"""Plug-in providers: found, registered only when they are asked for, and judged by what they compute."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.onnxruntime import plug_in_libraries
from runtimes.backends.onnxruntime.devices import provider_of
from runtimes.backends.onnxruntime.plug_in_libraries import Library, devices_of, libraries, plugged_provider
from runtimes.backends.onnxruntime.probe import probe, probe_library
from runtimes.backends.onnxruntime.provider import CPU
from runtimes.probe_network import expected

LIBRARY = Library("a_library", Path("/opt/liba.so"))


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(plug_in_libraries, "packages_distributions", dict)
    place = tmp_path / "config" / "dlgsanet" / "providers.toml"
    place.parent.mkdir(parents=True)
    return place


@dataclass(eq=False)
class FakeDevice:
    """Of a library, as ONNX Runtime shows it."""

    ep_name: str
    kind: str
    told: dict[str, str] = field(default_factory=dict)
    ep_vendor: str = "Maker"

    @property
    def ep_metadata(self) -> dict[str, str]:
        return {"library_path": "/opt/liba.so", **self.told} if self.ep_name != CPU else {}

    @property
    def device(self) -> Any:
        return SimpleNamespace(type=SimpleNamespace(name=self.kind), vendor="Maker", metadata={})


@dataclass(eq=False)
class FakeOrt:
    """An ONNX Runtime whose libraries bring `brought`, and which computes the probe's network with an `error`."""

    brought: dict[str, list[FakeDevice]]
    error: float = 0.0
    registered: list[str] = field(default_factory=list)
    options: list[Any] = field(default_factory=list)
    __version__: str = "1.32.0"

    def get_available_providers(self) -> list[str]:
        return [CPU, *(it.ep_name for path in self.registered for it in self.brought[path])]

    def get_ep_devices(self) -> list[FakeDevice]:
        return [FakeDevice(CPU, "CPU"), *(it for path in self.registered for it in self.brought[path])]

    def register_execution_provider_library(self, name: str, path: str) -> None:
        if path not in self.brought:
            raise RuntimeError("cannot open shared object file")
        self.registered.append(path)

    def SessionOptions(self) -> Any:
        made = SimpleNamespace(entries={}, added=[])
        made.add_session_config_entry = made.entries.__setitem__
        made.add_provider_for_devices = lambda devices, told: made.added.append((devices[0], told))
        self.options.append(made)
        return made

    def InferenceSession(self, source: object, options: Any, **given: Any) -> Any:
        name = options.added[0][0].ep_name if options.added else given["providers"][0]
        return SimpleNamespace(
            get_providers=lambda: [name, CPU], run=lambda names, inputs: [expected() + np.float32(self.error)]
        )


def named(settings: Path, *libraries: tuple[str, Path]) -> None:
    lines = "".join(f'{name} = "{path}"\n' for name, path in libraries)
    settings.write_text(f"[libraries]\n{lines}")
    settings.chmod(0o600)


def test_libraries_of_packages_and_of_the_settings(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("onnxruntime_ep_fake")
    package.get_library_path = lambda: "/site/libfake.so"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_fake", package)
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_odd", ModuleType("onnxruntime_ep_odd"))
    installed = {"onnxruntime_ep_fake": ["a"], "onnxruntime_ep_odd": ["b"], "numpy": ["numpy"]}
    monkeypatch.setattr(plug_in_libraries, "packages_distributions", lambda: installed)
    (tmp_path / "libqnn.so").touch()
    named(settings, ("qnn", tmp_path / "libqnn.so"))
    assert libraries() == (
        Library("onnxruntime_ep_fake", Path("/site/libfake.so")),
        Library("qnn", tmp_path / "libqnn.so"),
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('[libraries]\nqnn = "libqnn.so"', "expected the whole path of a library as 'qnn'"),
        ('[libraries]\nqnn = "/nowhere/libqnn.so"', "expected the whole path"),
        ("[libraries]\nqnn = 3", "expected the whole path"),
        ("[library]", r"expected one table \[libraries\]"),
        ("libraries = 3", r"expected one table \[libraries\]"),
        ("= 3", "expected TOML"),
    ],
)
def test_wrong_settings_are_one_line(settings: Path, text: str, match: str) -> None:
    settings.write_text(text)
    settings.chmod(0o600)
    with pytest.raises(InputError, match=match):
        libraries()


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
def test_settings_that_others_may_write_are_refused(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named(settings)
    settings.chmod(0o666)
    with pytest.raises(InputError, match="names native code to run, and others may write to it"):
        libraries()
    settings.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(InputError, match="native code"):
        libraries()


def test_a_library_is_registered_once_and_its_devices_are_its_own() -> None:
    ort: Any = FakeOrt({"/opt/liba.so": [FakeDevice("AExecutionProvider", "NPU")]})
    assert [it.ep_name for it in devices_of(ort, LIBRARY)] == ["AExecutionProvider"]
    assert devices_of(ort, LIBRARY) and ort.registered == ["/opt/liba.so"]


def test_a_library_that_does_not_load_and_an_old_onnxruntime(settings: Path, tmp_path: Path) -> None:
    ort: Any = FakeOrt({})
    with pytest.raises(UnavailableError, match=r"a_library: ONNX Runtime cannot register /opt/liba.so: cannot open"):
        devices_of(ort, LIBRARY)
    old: Any = ModuleType("onnxruntime")
    old.__version__ = "1.20.0"
    with pytest.raises(UnavailableError, match=r"1.20.0 knows no plug-in providers: install 1.22"):
        devices_of(old, LIBRARY)
    (tmp_path / "liba.so").touch()
    named(settings, ("a", tmp_path / "liba.so"))
    with pytest.raises(UnavailableError, match=r"no device 'NPU' on this machine.*libraries of plug-ins: a "):
        provider_of(ort, "NPU")


def test_devices_are_asked_for_by_name_and_kind(settings: Path, tmp_path: Path) -> None:
    for name in ("liba.so", "libb.so", "libc.so"):
        (tmp_path / name).touch()
    named(settings, ("a", tmp_path / "liba.so"), ("broken", tmp_path / "libb.so"), ("c", tmp_path / "libc.so"))
    cpu, npu = (FakeDevice("OneExecutionProvider", kind) for kind in ("CPU", "NPU"))
    gpu = FakeDevice("TwoExecutionProvider", "GPU")
    ort: Any = FakeOrt({str(tmp_path / "liba.so"): [cpu, npu], str(tmp_path / "libc.so"): [gpu]})
    assert provider_of(ort, "CPU").on_cpu and ort.registered == []  # nothing runs unasked
    found = {
        it: plugged_provider(ort, it) for it in ("one", "ONE:npu", "npu", "GPU", "TwoExecutionProvider", "two:cpu")
    }
    assert {name: it and it.plugged for name, it in found.items()} == {
        "one": cpu, "ONE:npu": npu, "npu": npu, "GPU": gpu, "TwoExecutionProvider": gpu, "two:cpu": None,
    }  # fmt: skip
    assert ort.registered == [str(tmp_path / "liba.so"), str(tmp_path / "libc.so")]


def test_openvino_is_told_not_to_round(settings: Path, tmp_path: Path) -> None:
    (tmp_path / "liba.so").touch()
    named(settings, ("a", tmp_path / "liba.so"))
    told = {"ov_device": "CPU", "OPTIMIZATION_CAPABILITIES": "BF16 FP32"}
    devices = [
        FakeDevice("OpenVINOExecutionProvider", "CPU", told),
        FakeDevice("OpenVINOExecutionProvider", "NPU", {"ov_device": "NPU", "OPTIMIZATION_CAPABILITIES": "FP16 INT8"}),
    ]
    ort: Any = FakeOrt({str(tmp_path / "liba.so"): devices})
    on_cpu, on_npu = provider_of(ort, "openvino", 3), provider_of(ort, "openvino:npu", 3)
    assert on_cpu.settings == {
        "load_config": '{"CPU": {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "3"}}'
    }
    assert on_npu.settings == {}


@pytest.mark.parametrize(("error", "told"), [(0.0, ("fp32",)), (0.0005, ())])
def test_the_precision_is_what_it_computes_in(error: float, told: tuple[str, ...]) -> None:
    ort: Any = FakeOrt({"/opt/liba.so": [FakeDevice("AExecutionProvider", "GPU", {"version": "3"})]}, error)
    (device,) = probe_library(ort, LIBRARY)
    assert device.precisions == told and not device.fault
    assert (
        device.name == "AExecutionProvider:gpu" and device.description == "AExecutionProvider on GPU Maker (plug-in 3)"
    )
    assert all(it.entries == {"session.disable_cpu_ep_fallback": "1"} for it in ort.options)


def test_a_wrong_result_and_no_device_are_said() -> None:
    wrong: Any = FakeOrt({"/opt/liba.so": [FakeDevice("AExecutionProvider", "GPU")]}, 0.01)
    assert "computes a wrong result" in probe_library(wrong, LIBRARY)[0].fault
    none: Any = FakeOrt({"/opt/liba.so": []})
    assert probe_library(none, LIBRARY)[0].fault == "it finds no device here"


def test_a_library_that_is_none_stands_in_nobodys_way(settings: Path, tmp_path: Path) -> None:
    """In the real doctor's process of its own, with the real engine."""
    ort = pytest.importorskip("onnxruntime")
    (tmp_path / "libnone.so").write_bytes(b"no library")
    named(settings, ("none", tmp_path / "libnone.so"))
    found = probe(ort)
    assert found[0].name == CPU and not found[0].fault
    assert found[-1].name == "none" and "cannot register" in found[-1].fault
    settings.chmod(0o666)
    assert "native code" in probe(ort)[-1].fault


def test_the_real_openvino_plug_in(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its package is installed beside ONNX Runtime."""
    pytest.importorskip("onnxruntime")
    package = pytest.importorskip("onnxruntime_ep_openvino")
    monkeypatch.setattr(plug_in_libraries, "packages_distributions", lambda: {package.__name__: ["a"]})
    lr = np.random.default_rng(0).random((1, 3, 16, 16), np.float32)
    with open_runner(bundle, "onnxruntime-fp32-16x16", threads=1) as run:
        expected_sr = run.infer(lr)
    with open_runner(bundle, "onnxruntime-fp32-16x16", device="openvino:cpu", threads=1) as run:
        assert run.info.device.startswith("OpenVINOExecutionProvider on CPU") and "plug-in" in run.info.device
        assert run.info.reported_precision == "fp32"
        assert np.abs(run.infer(lr) - expected_sr).max() < 1e-5
