"""What the registry knows of ExecuTorch and of its programs for Core ML and for Vulkan."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from runtimes.backends.coreml import REFERENCE
from runtimes.backends.executorch import COREML, ENGINE, VULKAN
from runtimes.backends.interface.backend import Backend, Judge
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import Device
from runtimes.runner.contract import Runner, RunOptions


def _runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    from runtimes.backends.executorch.runner import ExecuTorchRunner

    return ExecuTorchRunner(bundle, artifact, scale, options)


def _probe(engine: ModuleType) -> tuple[Device, ...]:
    from runtimes.backends.executorch.probe import probe

    return probe()


def _coreml_runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    from runtimes.backends.executorch.coreml_reference import DelegateReference

    return DelegateReference(bundle, artifact, scale, options)


def _coreml_probe(engine: ModuleType) -> str:
    return FOR_APPS


def _coreml_judges(artifact: Artifact, device: str) -> tuple[Judge, ...]:
    note = f"not run on Apple hardware: judged by {REFERENCE}, an interpreter of the package in the program"
    return (Judge(artifact.id, REFERENCE, note),)


def _vulkan_runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    from runtimes.backends.executorch.for_apps import VulkanRunner

    return VulkanRunner(bundle, artifact, scale, options)


def _vulkan_probe(engine: ModuleType) -> str:
    return FOR_GPUS


FOR_APPS = "installed; apps on Apple devices run the files, `check` judges them with an interpreter"
FOR_GPUS = "installed without its Vulkan delegate; apps on Android run the files, nothing here judges them"

BACKEND = Backend(engine=ENGINE, role="runs executorch-* artifacts", probe=_probe, runner=_runner)
COREML_BACKEND = Backend(
    engine=COREML,
    role="runs executorch-coreml-* artifacts, in apps on Apple devices",
    probe=_coreml_probe,
    runner=_coreml_runner,
    idle_here=FOR_APPS,
    interpreters=(REFERENCE,),
    judges=_coreml_judges,
)
VULKAN_BACKEND = Backend(
    engine=VULKAN,
    role="runs executorch-vulkan-* artifacts, in apps on Android",
    probe=_vulkan_probe,
    runner=_vulkan_runner,
    idle_here=FOR_GPUS,
)
