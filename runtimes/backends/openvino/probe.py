"""`doctor` on OpenVINO: the tiny network on every device, in every floating precision."""

from __future__ import annotations

from types import ModuleType

from runtimes.backends.openvino.devices import openvino_devices
from runtimes.backends.openvino.layers import PRECISION_HINT, reported_precision
from runtimes.machine.processor import Device
from runtimes.probe_network import MODEL, example, require_right


def probe(openvino: ModuleType) -> tuple[Device, ...]:
    """Compute on every device in every floating precision; list those that really ran in what was asked
    for."""
    core = openvino.Core()
    network = core.read_model(MODEL.read_bytes())
    proved = []
    for device in openvino_devices(openvino):
        real = []
        for hint, ours in (("f32", "fp32"), ("bf16", "bf16"), ("f16", "fp16")):
            if ours != "fp32" and device.name != "CPU" and ours not in device.precisions:
                continue  # other devices refuse a hint that they do not know
            compiled = core.compile_model(network, device.name, {PRECISION_HINT: hint})
            require_right(compiled({"lr": example()})["sr"], f"{device.name} in {ours}")
            real += [ours] if reported_precision(compiled) == ours else []
        real += ["int8"] if "int8" in device.precisions else []  # as the device says: this network has no int8
        proved.append(Device(device.name, device.description, tuple(real)))
    return tuple(proved)
