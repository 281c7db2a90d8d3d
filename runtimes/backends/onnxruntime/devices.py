"""ONNX Runtime's execution providers: which one a name means, and which compute here."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from dlgsanet.errors import UnavailableError
from runtimes.backends.onnxruntime.plug_in_libraries import libraries, plugged_provider
from runtimes.backends.onnxruntime.provider import Provider
from runtimes.machine.processor import Device, cpu_name

GPU_PROVIDERS = ("CUDAExecutionProvider", "MIGraphXExecutionProvider", "DmlExecutionProvider")
"""What `--device GPU` may mean in ONNX Runtime, in the order of preference; the choice is reported."""


def require_provider(device: str, available: Sequence[str]) -> str:
    """Return the ONNX Runtime execution provider meant by `device`: CPU, GPU, or a provider's name.

    The ending "ExecutionProvider" may be left out. Raises UnavailableError naming the available ones.
    """
    wanted = device.lower().removesuffix("executionprovider")
    if wanted == "gpu":
        found = [provider for provider in GPU_PROVIDERS if provider in available]
    else:
        found = [name for name in available if name.lower().removesuffix("executionprovider") == wanted]
    if not found:
        raise UnavailableError(
            f"ONNX Runtime has no device '{device}' on this machine; available: {', '.join(available)}"
        )
    return found[0]


def built_in(ort: ModuleType) -> list[str]:
    """The providers of this build: those of libraries that were registered stand in ONNX Runtime's list, too."""
    devices = ort.get_ep_devices() if hasattr(ort, "get_ep_devices") else ()
    plugged = {it.ep_name for it in devices if it.ep_metadata.get("library_path")}
    return [name for name in ort.get_available_providers() if name not in plugged]


def provider_of(ort: ModuleType, device: str, threads: int | None = None) -> Provider:
    """What `device` means: a provider that is built in, else one of a library that is registered now. Raises
    UnavailableError naming what there is."""
    available = built_in(ort)
    try:
        return Provider(require_provider(device, available))
    except UnavailableError as error:
        if (found := plugged_provider(ort, device, threads)) is not None:
            return found
        names = ", ".join(library.name for library in libraries())
        raise UnavailableError(f"{error}; libraries of plug-ins: {names or 'none'} (see `dlgsanet doctor`)") from error


def onnxruntime_devices(onnxruntime: ModuleType) -> tuple[Device, ...]:
    """The execution providers in this build that compute locally; only the CPU's precisions are known
    here."""
    local = [name for name in built_in(onnxruntime) if name != "AzureExecutionProvider"]
    return tuple(
        Device(name, cpu_name() if name.startswith("CPU") else name, ("fp32",) if name.startswith("CPU") else ())
        for name in local
    )
