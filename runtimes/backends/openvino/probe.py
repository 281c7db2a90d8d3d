"""`doctor` on OpenVINO: the tiny network on every device, in every floating precision."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from runtimes.backends.openvino import ENGINE
from runtimes.backends.openvino.devices import openvino_devices
from runtimes.backends.openvino.layers import PRECISION_HINT, TYPES, reported_precision
from runtimes.machine.processor import Device
from runtimes.probe_network import MODEL, example, require_right
from runtimes.runner.contract import spoilt_int8


def probe(openvino: ModuleType) -> tuple[Device, ...]:
    """Compute on every device in every floating precision; list those that really ran in what was asked
    for."""
    core = openvino.Core()
    proved = []
    for device in openvino_devices(openvino):
        real = []
        for hint, ours in (("f32", "fp32"), ("bf16", "bf16"), ("f16", "fp16")):
            if ours != "fp32" and device.name != "CPU" and ours not in device.precisions:
                continue  # other devices refuse a hint that they do not know
            compiled = prove(core, device.name, hint)
            real += [ours] if reported_precision(compiled) == ours else []
        spoilt = spoilt_int8("int8", device.name, ENGINE.int8_in_pairs)
        real += ["int8"] if "int8" in device.precisions and not spoilt else []  # as it says: this network has no int8
        proved.append(Device(device.name, device.description, tuple(real)))
    return tuple(proved)


def prove(core: Any, device: str, hint: str = "f32") -> Any:
    """Compute on one device; the compiled network. Raises BackendError for a wrong result, else whatever the engine
    raises."""
    compiled = core.compile_model(core.read_model(MODEL.read_bytes()), device, {PRECISION_HINT: hint})
    require_right(compiled({"lr": example()})["sr"], f"{device} in {TYPES[hint]}")
    return compiled
