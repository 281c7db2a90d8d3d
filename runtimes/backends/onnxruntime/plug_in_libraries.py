"""Execution providers in libraries of their own, which ONNX Runtime from 1.22 on registers: Windows ML's, OpenVINO's,
QNN's, TensorRT-RTX's, WebGPU's.

A library is native code that runs when it is registered. Two kinds are: those of installed Python packages that tell
where it lies, as ONNX Runtime's own do (`get_library_path`), and those that the user's settings name:

    # ~/.config/dlgsanet/providers.toml
    [libraries]
    qnn = "/opt/qnn/libonnxruntime_providers_qnn.so"

Nothing is registered until a device is asked for that is not built in; `doctor` does it in a process for each.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

from dlgsanet.errors import EdgeError, InputError, UnavailableError
from dlgsanet.storage.cache_folder import is_own
from dlgsanet.storage.toml_file import read_toml
from runtimes.backends.onnxruntime.provider import PluggedDevice, Provider, hardware_kind

PACKAGES = ("onnxruntime_ep_", "onnxruntime_qnn")
"""How the modules begin that bring a library."""

_ENDING = "ExecutionProvider"
_KINDS = ("cpu", "gpu", "npu")


@dataclass(frozen=True)
class Library:
    """`name`: what it is registered as; `path` as a package or the settings tell it."""

    name: str
    path: Path


def settings_file() -> Path:
    """Where a user names libraries: below $XDG_CONFIG_HOME or ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111  (never raises)
    return Path(home) / "dlgsanet" / "providers.toml"


def libraries() -> tuple[Library, ...]:
    """Those of installed packages, then those of the settings. Raises InputError for settings that are wrong, or that
    others may write: what they name is run."""
    found = {}
    for module in sorted(packages_distributions()):
        if module.startswith(PACKAGES) and (path := _path_of(module)) is not None:
            found[module] = Library(module, path)
    found |= {it.name: it for it in _named_by_settings()}
    return tuple(found.values())


def _path_of(module: str) -> Path | None:
    """None for a package that brings no library after all."""
    try:
        return Path(str(importlib.import_module(module).get_library_path()))
    except Exception:  # noqa: BLE001  (packages of others)
        return None


def _named_by_settings() -> tuple[Library, ...]:
    place = settings_file()
    if not place.exists():
        return ()
    if not is_own(place.stat()):
        raise InputError(
            f"{place} names native code to run, and others may write to it: make it yours alone (chmod go-w)"
        )
    told = read_toml(place)
    named = told.get("libraries", {})
    if set(told) - {"libraries"} or not isinstance(named, dict):
        raise InputError(f"expected one table [libraries] in {place}, found {', '.join(told) or 'nothing'}: correct it")
    for name, path in named.items():
        if not isinstance(path, str) or not Path(path).is_absolute() or not Path(path).is_file():
            raise InputError(f"expected the whole path of a library as '{name}' in {place}, found {path!r}: correct it")
    return tuple(Library(name, Path(path)) for name, path in named.items())


@cache
def devices_of(ort: ModuleType, library: Library) -> tuple[PluggedDevice, ...]:
    """Register a library, once in a process, and list the devices that it brings. Raises UnavailableError where this
    ONNX Runtime cannot, or the library does not load."""
    if not hasattr(ort, "register_execution_provider_library"):
        raise UnavailableError(f"ONNX Runtime {ort.__version__} knows no plug-in providers: install 1.22 or newer")
    before = [_identity(it) for it in ort.get_ep_devices()]
    try:
        ort.register_execution_provider_library(f"dlgsanet {library.name}", str(library.path))
    except Exception as error:
        raise UnavailableError(f"{library.name}: ONNX Runtime cannot register {library.path}: {error}") from error
    return tuple(it for it in ort.get_ep_devices() if _identity(it) not in before)


def _identity(device: PluggedDevice) -> tuple[str, dict[str, str], str, dict[str, str]]:
    return device.ep_name, dict(device.ep_metadata), str(device.device.type), dict(device.device.metadata)


def plugged_provider(ort: ModuleType, wanted: str, threads: int | None = None) -> Provider | None:
    """The plug-in's device that `wanted` means: a provider's name (`openvino`), one with a kind of device
    (`openvino:npu`), or a kind alone (`NPU`), the first that has it. None where there is none."""
    name, _, kind = wanted.lower().partition(":")
    name, kind = ("", name) if not kind and name in _KINDS[1:] else (name, kind)
    for library in libraries():
        try:
            found = devices_of(ort, library)
        except EdgeError:
            continue  # `doctor` says why
        for device in found:
            fits = not name or device.ep_name.lower().replace(_ENDING.lower(), "") == name.removesuffix(_ENDING.lower())
            if fits and kind in ("", hardware_kind(device)):
                return Provider(device.ep_name, device, settings_of(device, threads))
    return None


def settings_of(device: PluggedDevice, threads: int | None) -> Mapping[str, str]:
    """What a library must be told to compute as the file says. OpenVINO's, left alone, rounds fp32 to bf16 or fp16
    where its device is fast at that; it tells what the device can."""
    able = device.ep_metadata.get("OPTIMIZATION_CAPABILITIES", "").split()
    place = device.ep_metadata.get("ov_device")
    if place is None or "FP32" not in able:
        return {}
    config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
    if place == "CPU" and threads:
        config["INFERENCE_NUM_THREADS"] = str(threads)
    return {"load_config": json.dumps({place: config})}
