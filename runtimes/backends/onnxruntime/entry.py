"""What the registry knows of ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from runtimes.backends.interface.backend import Backend, Multiply
from runtimes.backends.onnxruntime import ENGINE
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import Device
from runtimes.runner.contract import Runner, RunOptions


def _runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    from runtimes.backends.onnxruntime.runner import OnnxRuntimeRunner

    return OnnxRuntimeRunner(bundle, artifact, scale, options)


def _probe(engine: ModuleType) -> tuple[Device, ...]:
    from runtimes.backends.onnxruntime.probe import probe

    return probe(engine)


def _product(precision: str, threads: int) -> Multiply:
    from runtimes.backends.onnxruntime.runner import open_product

    return open_product(precision, threads)


BACKEND = Backend(
    engine=ENGINE,
    role="runs onnxruntime-* artifacts",
    probe=_probe,
    runner=_runner,
    open_product=_product,
    as_written=True,
)
