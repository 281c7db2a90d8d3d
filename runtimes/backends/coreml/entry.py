"""What the registry knows of Core ML."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from runtimes.backends.coreml import ENGINE, REFERENCE
from runtimes.backends.interface.backend import Backend, Judge
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import Device
from runtimes.runner.contract import Runner, RunOptions

ON_MACOS = "installed; Core ML itself runs on macOS only, `check` judges its packages with an interpreter"


def _runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    if options.device == REFERENCE:
        from runtimes.backends.coreml.reference import MilRunner

        return MilRunner(bundle, artifact, scale, taps=options.taps)
    from runtimes.backends.coreml.runner import CoreMLRunner

    return CoreMLRunner(bundle, artifact, scale, options)


def _probe(engine: ModuleType) -> tuple[Device, ...]:
    from runtimes.backends.coreml.probe import probe

    return probe(engine)


def _judges(artifact: Artifact, device: str) -> tuple[Judge, ...]:
    if sys.platform == "darwin":
        return ()
    what = f" (its function {artifact.function})" if artifact.function else ""
    note = f"not run on Apple hardware: judged by {REFERENCE}, an interpreter of the saved package{what}"
    return (Judge(artifact.id, REFERENCE, note),)


def _describe(bundle: Path, artifact: Artifact) -> str:
    from runtimes.backends.coreml.mil.neural_engine_card import card
    from runtimes.backends.coreml.reference import read_package

    return card(read_package(bundle, artifact)[0]).summary


BACKEND = Backend(
    engine=ENGINE,
    role="runs coreml-* artifacts, on macOS",
    probe=_probe,
    runner=_runner,
    idle_here="" if sys.platform == "darwin" else ON_MACOS,
    interpreters=(REFERENCE,),
    judges=_judges,
    describe=_describe,
    beside_int8="fp16",
)
