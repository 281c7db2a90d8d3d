"""`doctor` on Core ML, on macOS: the tiny network on every set of compute units."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from runtimes.machine.processor import Device
from runtimes.probe_network import example, require_right, weight
from runtimes.runner.tiling import Array

UNITS = {"CPU": "CPU_ONLY", "GPU": "CPU_AND_GPU", "NPU": "CPU_AND_NE", "ALL": "ALL"}
"""`--device` -> coremltools.ComputeUnit. Core ML may always fall back to the CPU; the plan says how much it did."""


def probe(coremltools: ModuleType) -> tuple[Device, ...]:
    """Compute on every set of units of this Mac. Core ML may use the CPU in each of them."""
    found = []
    for name, unit in UNITS.items():
        prove(coremltools, name)
        found.append(Device(name, f"Core ML {unit.lower()}", ("fp32",) if name == "CPU" else ("fp16",)))
    return tuple(found)


def prove(coremltools: ModuleType, device: str) -> None:
    """Compute on one set of units. Raises BackendError for a wrong result, else whatever Core ML raises."""
    require_right(_probe_package(coremltools, UNITS[device]), device)


def _probe_package(ct: ModuleType, unit: str) -> Array:
    """The doctor's tiny network (see `runtimes.probe_network`), built, compiled and computed by Core ML: its output."""
    mb = importlib.import_module("coremltools.converters.mil").Builder

    tile = example()

    def body(lr: Any) -> Any:  # the argument's name becomes the input's
        maps = mb.conv(x=lr, weight=weight(), pad_type="custom", pad=[1, 1, 1, 1])
        return mb.pixel_shuffle(x=maps, upscale_factor=2, name="sr")

    model = ct.convert(
        mb.program(input_specs=[mb.TensorSpec(tile.shape)], opset_version=ct.target.iOS16)(body),
        source="milinternal",
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS16,
        compute_units=getattr(ct.ComputeUnit, unit),
    )
    return np.ascontiguousarray(model.predict({"lr": tile})["sr"], np.float32)
