"""A Mac that is not there: the names of coremltools that the runner uses, and a compute plan."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from runtimes.backends.coreml import runner as coreml_runner
from runtimes.backends.interface.engines import Engine


class MLNeuralEngineComputeDevice:
    pass


class MLCPUComputeDevice:
    pass


def plan(devices: list[object | None], function: str = "main") -> SimpleNamespace:
    """A compute plan that prefers these devices, one operation each; None is a constant."""
    planned = SimpleNamespace(block=SimpleNamespace(operations=list(range(len(devices)))))
    usages = [None if device is None else SimpleNamespace(preferred_compute_device=device) for device in devices]
    return SimpleNamespace(
        model_structure=SimpleNamespace(program=SimpleNamespace(functions={function: planned})),
        get_compute_device_usage_for_mlprogram_operation=lambda operation: usages[operation],
    )


def pretend(monkeypatch: pytest.MonkeyPatch, compute: Callable[[np.ndarray], np.ndarray]) -> dict[str, object]:
    """A Mac in which Core ML computes with `compute`; what it was asked for is noted."""
    asked: dict[str, object] = {}

    class MLModel:
        def __init__(self, path: str, compute_units: str, function_name: str | None = None) -> None:
            asked.update(path=path, units=compute_units, function=function_name)

        def predict(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"sr": compute(given["lr"])}

        def get_compiled_model_path(self) -> str:
            return "compiled"

    def load(path: str, compute_units: str) -> SimpleNamespace:
        asked.update(plan=(path, compute_units))
        devices = [MLNeuralEngineComputeDevice()] * 3 + [MLCPUComputeDevice(), None]
        return plan(devices, str(asked["function"] or "main"))

    units = SimpleNamespace(ALL="all", CPU_ONLY="cpu", CPU_AND_GPU="gpu", CPU_AND_NE="ne")
    fake = SimpleNamespace(ComputeUnit=units, models=SimpleNamespace(MLModel=MLModel))
    plans = SimpleNamespace(MLComputePlan=SimpleNamespace(load_from_path=load))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(Engine, "load", lambda self: fake)
    monkeypatch.setattr(coreml_runner, "version", lambda name: "9.0")
    monkeypatch.setattr(importlib, "import_module", lambda name: plans)
    return asked
