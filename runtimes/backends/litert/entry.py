"""What the registry knows of LiteRT."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from runtimes.backends.interface.backend import Backend
from runtimes.backends.litert import ENGINE
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import Device
from runtimes.runner.contract import Runner, RunOptions


def _runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    from runtimes.backends.litert.runner import LiteRtRunner

    return LiteRtRunner(bundle, artifact, scale, options)


def _probe(engine: ModuleType) -> tuple[Device, ...]:
    from runtimes.backends.litert.probe import probe

    return probe()


BACKEND = Backend(engine=ENGINE, role="runs litert-* artifacts", probe=_probe, runner=_runner)
