"""Core ML itself, on macOS: a chosen compute unit, and the share of operations that the plan gives to each processor.

Core ML does not tell in which precision it computes; the precision reported here is that of the package's program,
which Core ML is bound to. Written from Core ML's documentation and never run on Apple hardware by its authors.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dlgsanet.errors import BackendError, InputError, UnavailableError
from runtimes.backends.coreml import ENGINE, REFERENCE
from runtimes.backends.coreml.mil.program import MAIN
from runtimes.backends.coreml.probe import UNITS, prove
from runtimes.backends.coreml.reference import precision_of, read_package
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import available_threads
from runtimes.runner.blame import blame
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.ports import CHANNELS_FIRST, PICTURE, from_pixels, require_host_ports, require_port, to_pixels
from runtimes.runner.tiling import Array

_NAMES = {"MLCPUComputeDevice": "CPU", "MLGPUComputeDevice": "GPU", "MLNeuralEngineComputeDevice": "Neural Engine"}


class CoreMLRunner(Runner):
    """One package in Core ML, on the compute units that `device` names."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle, self._artifact, self._options = bundle, artifact, options
        self._model: Any = None

    def _open(self) -> RunInfo:
        artifact = self._artifact
        if sys.platform != "darwin":
            raise UnavailableError(
                f"{artifact.id}: Core ML runs on macOS only; `dlgsanet check` judges its numbers here with {REFERENCE}"
            )
        require_host_ports(artifact, (), CHANNELS_FIRST)
        device = self._options.device.upper()
        if (unit := UNITS.get(device)) is None:
            raise InputError(f"expected a Core ML device from {', '.join(UNITS)}, found '{self._options.device}'")
        program, _ = read_package(self._bundle, artifact)  # checks every hash before Core ML opens the folder
        for port, features in ((artifact.input, program.inputs), (artifact.output, program.outputs)):
            require_port(artifact.id, port, {feature.name: feature.shape for feature in features})
        ct = ENGINE.load()
        units = getattr(ct.ComputeUnit, unit)
        try:
            named = {} if artifact.function is None else {"function_name": artifact.function}
            self._model = ct.models.MLModel(str(self._bundle / artifact.path), compute_units=units, **named)
            shares = unit_shares(_plan(self._model, units), artifact.function or MAIN)
        except Exception as error:
            raise blame(f"{artifact.id}: Core ML cannot load it: {error}", partial(prove, ct, device)) from error
        return RunInfo(
            artifact=artifact.id,
            backend=ENGINE.name,
            device=f"Core ML {unit.lower()}: {shares}",
            requested_precision=artifact.precision,
            reported_precision=precision_of(program),
            threads=available_threads(),
            versions={"coremltools": version("coremltools"), "numpy": version("numpy")},
        )

    def _infer(self, tile: Array) -> Array:
        artifact = self._artifact
        given = _picture(tile) if artifact.input.layout == PICTURE else tile
        try:
            found = self._model.predict({artifact.input.name: given})[artifact.output.name]
        except Exception as error:
            raise BackendError(f"{artifact.id}: Core ML failed: {error}") from error
        if artifact.output.layout == PICTURE:
            rgb = np.asarray(found.convert("RGB"), np.float32)
            return from_pixels(np.ascontiguousarray(rgb.transpose(2, 0, 1)[None]))
        return np.ascontiguousarray(found, np.float32)

    def _close(self) -> None:
        self._model = None


def _picture(tile: Array) -> Image.Image:
    pixels = to_pixels(tile)[0].transpose(1, 2, 0).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _plan(model: Any, units: object) -> Any:
    plans = importlib.import_module("coremltools.models.compute_plan").MLComputePlan
    return plans.load_from_path(model.get_compiled_model_path(), compute_units=units)


def unit_shares(plan: Any, function: str) -> str:
    """`Neural Engine 92 %, CPU 8 %` of a function's operations, by the unit that the compute plan prefers for each.

    coremltools 9.0 asks for a plan by path, not by function, so that Core ML may leave out all but the first one.
    """
    counted: Counter[str] = Counter()
    planned = plan.model_structure.program.functions.get(function)
    for operation in () if planned is None else planned.block.operations:
        usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
        if usage is not None:  # constants run nowhere
            kind = type(usage.preferred_compute_device).__name__
            counted[_NAMES.get(kind, kind)] += 1
    total = sum(counted.values())
    if not total:
        return "the compute plan names no processor"
    return ", ".join(f"{name} {100 * count / total:.0f} %" for name, count in counted.most_common())
