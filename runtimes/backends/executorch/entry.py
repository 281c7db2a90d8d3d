"""What the registry knows of ExecuTorch."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from runtimes.backends.executorch import ENGINE
from runtimes.backends.interface.backend import Backend
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import Device
from runtimes.runner.contract import Runner, RunOptions


def _runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    from runtimes.backends.executorch.runner import ExecuTorchRunner

    return ExecuTorchRunner(bundle, artifact, scale, options)


def _probe(engine: ModuleType) -> tuple[Device, ...]:
    from runtimes.backends.executorch.probe import probe

    return probe()


BACKEND = Backend(engine=ENGINE, role="runs executorch-* artifacts", probe=_probe, runner=_runner)
