"""ONNX Runtime's execution providers: which one a name means, and which compute here."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from dlgsanet.errors import UnavailableError
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


def onnxruntime_devices(onnxruntime: ModuleType) -> tuple[Device, ...]:
    """The execution providers in this build that compute locally; only the CPU's precisions are known
    here."""
    local = [name for name in onnxruntime.get_available_providers() if name != "AzureExecutionProvider"]
    return tuple(
        Device(name, cpu_name() if name.startswith("CPU") else name, ("fp32",) if name.startswith("CPU") else ())
        for name in local
    )
