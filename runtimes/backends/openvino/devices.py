"""OpenVINO's devices: which one a name means, and which precisions each says it has."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from dlgsanet.errors import InputError, UnavailableError
from runtimes.machine.processor import Device

OPENVINO_VIRTUAL = ("AUTO", "MULTI", "HETERO", "BATCH")
"""OpenVINO devices that choose a real one themselves: what ran would not be what was asked for."""


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
