"""The device's half: a runner, and a probe for `dlgsanet doctor`."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from runtimes.backends import Backend, Engine
from runtimes.bundle.integrity import read_verified
from runtimes.machine.processor import Device, cpu_name
from runtimes.manifest import Artifact
from runtimes.probe_network import MODEL, example, require_right
from runtimes.runner import RunInfo, Runner, RunOptions
from runtimes.runner.ports import require_host_ports

ENGINE = Engine("toy", "onnx", "", "install it: pip install onnx")


def evaluator(engine: ModuleType, data: bytes) -> Any:
    return importlib.import_module("onnx.reference").ReferenceEvaluator(engine.load_from_string(data))


class ToyRunner(Runner):
    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle, self._artifact, self._network = bundle, artifact, None

    def _open(self) -> RunInfo:
        artifact = self._artifact
        require_host_ports(artifact, hints=())
        engine = ENGINE.load()
        self._network = evaluator(engine, read_verified(self._bundle, artifact.path, artifact.files[artifact.path]))
        versions = {"onnx": engine.__version__, "numpy": np.__version__}
        return RunInfo(artifact.id, ENGINE.name, "NumPy", artifact.precision, "fp32", 1, versions)

    def _infer(self, tile: np.ndarray) -> np.ndarray:
        return self._network.run([self._artifact.output.name], {self._artifact.input.name: tile})[0]

    def _close(self) -> None:
        self._network = None


def probe(engine: ModuleType) -> tuple[Device, ...]:
    require_right(evaluator(engine, MODEL.read_bytes()).run(["sr"], {"lr": example()})[0], "NumPy")
    return (Device("NumPy", cpu_name(), ("fp32",)),)


BACKEND = Backend(ENGINE, "runs toy-* artifacts, in NumPy", probe, runner=ToyRunner)
