"""`doctor` on ONNX Runtime: the tiny network on every execution provider, those of plug-ins in processes of their own,
since to register a library runs its code. `python -m runtimes.backends.onnxruntime.probe` is such a process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from dlgsanet.errors import BackendError, EdgeError
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.backends.onnxruntime import ENGINE
from runtimes.backends.onnxruntime.devices import onnxruntime_devices
from runtimes.backends.onnxruntime.plug_in_libraries import Library, devices_of, libraries, settings_of
from runtimes.backends.onnxruntime.provider import PluggedDevice, Provider, hardware_kind
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.machine.processor import Device
from runtimes.probe_network import MODEL, example, expected, require_right
from runtimes.runner.tiling import Array

EXACT = 1e-5
"""Error of the probe's network in fp32, of outputs up to 0.13; TF32, bf16 and fp16 are beyond it on some output."""

_SECONDS = 60.0


@contextlib.contextmanager
def _quiet(ort: ModuleType) -> Iterator[None]:
    """Remarks of libraries are not for the user's terminal."""
    with contextlib.suppress(AttributeError):
        ort.set_default_logger_severity(3)
    yield


def probe(ort: ModuleType) -> tuple[Device, ...]:
    """Compute on every execution provider of this build, without fallback, and on what plug-ins bring."""
    devices = onnxruntime_devices(ort)
    for device in devices:
        prove(ort, Provider(device.name))
    return (*devices, *_plugged())


def _plugged() -> Iterator[Device]:
    """What each library offers, or why not."""
    try:
        known = libraries()
    except EdgeError as error:
        yield Device("plug-ins", "settings", (), str(error))
        return
    for library in known:
        asked = [library.name, str(library.path)]
        try:
            told = ask(Job("runtimes.backends.onnxruntime.probe", asked, f"the plug-in {library.name}", _SECONDS))
            yield from decode(tuple[Device, ...], told, "the probe")
        except EdgeError as error:
            yield Device(library.name, str(library.path), (), str(error))


def probe_library(ort: ModuleType, library: Library) -> tuple[Device, ...]:
    """Register a library here and compute on each of its devices. Raises UnavailableError where it does not load."""
    with _quiet(ort):
        found = devices_of(ort, library)
        if not found:
            return (Device(library.name, str(library.path), (), "it finds no device here"),)
        return tuple(_device(ort, device) for device in found)


def _device(ort: ModuleType, plugged: PluggedDevice) -> Device:
    provider = Provider(plugged.ep_name, plugged, settings_of(plugged, None))
    name = f"{plugged.ep_name}:{hardware_kind(plugged)}"
    try:
        prove(ort, provider)
        return Device(name, provider.shown, ("fp32",) if computes_exactly(ort, provider) else ())
    except Exception as error:  # noqa: BLE001  (engines raise what they like)
        return Device(name, provider.shown, (), str(error))


def prove(ort: ModuleType, provider: Provider) -> None:
    """Compute on one execution provider. Raises BackendError for a wrong result, else whatever the engine raises."""
    require_right(_computed(ort, provider), provider.name)


def computes_exactly(ort: ModuleType, provider: Provider) -> bool:
    """Whether it computes in fp32, told by what it computes. Raises whatever the engine raises."""
    return bool(np.abs(_computed(ort, provider) - expected()).max() < EXACT)


def _computed(ort: ModuleType, provider: Provider) -> Array:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    if provider.plugged is not None:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    session = provider.session(ort, MODEL.read_bytes(), options)
    if session.get_providers()[0] != provider.name:
        raise BackendError(f"{provider.name} is listed but cannot be used")
    found: Array = session.run(["sr"], {"lr": example()})[0]
    return found


if __name__ == "__main__":

    def _answer(asked: object, say: Say) -> object:
        name, path = decode(tuple[str, str], asked, "the probe")
        return to_json(probe_library(ENGINE.load(), Library(name, Path(path))))

    serve(_answer)
