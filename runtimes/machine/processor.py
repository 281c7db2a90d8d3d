"""What this machine has: CPU threads for this process, and the devices and precisions each engine offers."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from dlgsanet.errors import InputError, UnavailableError

OPENVINO_VIRTUAL = ("AUTO", "MULTI", "HETERO", "BATCH")
"""OpenVINO devices that choose a real one themselves: what ran would not be what was asked for."""

GPU_PROVIDERS = ("CUDAExecutionProvider", "MIGraphXExecutionProvider", "DmlExecutionProvider")
"""What `--device GPU` may mean in ONNX Runtime, in the order of preference; the choice is reported."""


@dataclass(frozen=True)
class Device:
    """One device of one engine; `precisions` are those it runs natively, named as in artifact ids."""

    name: str
    description: str
    precisions: tuple[str, ...]


def available_threads() -> int:
    """Physical cores that this process may use: affinity and container quota respected, never below 1."""
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(_cpus()))
    cores = {_core(cpu) for cpu in affinity}
    quota = _cgroup_quota()
    return max(1, min(len(cores), quota) if quota else len(cores))


def _cpus() -> int:
    return os.cpu_count() or 1


def _core(cpu: int) -> str:
    """Name the physical core of a logical CPU by its siblings; where the system says nothing, by itself."""
    siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return siblings.read_text() if siblings.is_file() else str(cpu)


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """CPUs granted by a container's quota (cgroup v2, then v1), rounded up; None without a quota."""
    v2 = root / "cpu.max"
    v1 = [root / "cpu" / f"cpu.cfs_{part}_us" for part in ("quota", "period")]
    if v2.is_file():
        quota, period = v2.read_text().split()[:2]
    elif all(path.is_file() for path in v1):
        quota, period = (path.read_text().strip() for path in v1)
    else:
        return None
    if quota in ("max", "-1") or int(period) <= 0:
        return None
    return -(-int(quota) // int(period))


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def require_openvino_device(device: str, available: Sequence[str]) -> str:
    """Return the OpenVINO device name meant by `device`, one of `available` (GPU may stand for GPU.0).

    Raises InputError for AUTO and its like, UnavailableError for a device that is not there.
    """
    wanted = device.upper()
    if wanted.partition(":")[0] in OPENVINO_VIRTUAL:
        raise InputError(f"device '{device}' chooses by itself what runs; give one of: {', '.join(available)}")
    if wanted in available or f"{wanted}.0" in available:
        return wanted
    raise UnavailableError(
        f"OpenVINO has no device '{device}' on this machine; available: {', '.join(available) or 'none'}"
    )


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


def openvino_devices(openvino: ModuleType) -> tuple[Device, ...]:
    """The devices of OpenVINO with the precisions they say they run natively."""
    core = openvino.Core()
    return tuple(
        Device(
            name,
            str(core.get_property(name, "FULL_DEVICE_NAME")),
            native_precisions(core.get_property(name, "OPTIMIZATION_CAPABILITIES")),
        )
        for name in core.available_devices
    )


def native_precisions(capabilities: Sequence[str]) -> tuple[str, ...]:
    """OpenVINO's OPTIMIZATION_CAPABILITIES as the precisions of artifact ids."""
    named = (("FP32", "fp32"), ("FP16", "fp16"), ("BF16", "bf16"), ("INT8", "int8"))
    return tuple(ours for theirs, ours in named if theirs in capabilities)


def onnxruntime_devices(onnxruntime: ModuleType) -> tuple[Device, ...]:
    """The execution providers in this build that compute locally; only the CPU's precisions are known
    here."""
    local = [name for name in onnxruntime.get_available_providers() if name != "AzureExecutionProvider"]
    return tuple(
        Device(name, cpu_name() if name.startswith("CPU") else name, ("fp32",) if name.startswith("CPU") else ())
        for name in local
    )
