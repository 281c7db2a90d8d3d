"""What the registry knows of TensorRT and of TensorRT-RTX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from runtimes.backends.interface.backend import Backend, EngineKernels, Judge
from runtimes.backends.tensorrt import REFERENCE, REFERENCE_FP16_SCALES, TENSORRT, TENSORRT_RTX
from runtimes.bundle.manifest import Artifact, artifact_id
from runtimes.machine.processor import Device
from runtimes.runner.contract import Runner, RunOptions

_STRICT = "the engine's ONNX with every rounding that it states, on a CPU"


def _runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    from runtimes.backends.tensorrt.runner import TensorRTRunner

    return TensorRTRunner(bundle, artifact, scale, options)


def _runner_or_reference(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    if options.device not in (REFERENCE, REFERENCE_FP16_SCALES):
        return _runner(bundle, artifact, scale, options)
    from runtimes.backends.tensorrt.reference import TensorRTReference

    return TensorRTReference(bundle, artifact, scale, options)


def _probe(engine: ModuleType) -> tuple[Device, ...] | str:
    from runtimes.backends.tensorrt.probe import probe

    return probe(engine)


def _judges(artifact: Artifact, device: str) -> tuple[Judge, ...]:
    """TensorRT's engines run on a GPU (`--device GPU`); on the CPU, the default, their files are judged. An int8
    artifact has two, each with a judge and a name of its own: which one becomes the engine is not known before it is
    built."""
    if device not in ("CPU", REFERENCE):
        return ()
    note = f"not run on NVIDIA hardware: judged by {REFERENCE}, {_STRICT}"
    found = [Judge(artifact.id, REFERENCE, note)]
    if len(artifact.files) > 1:
        variant = "-".join(filter(None, (artifact.variant, "fp16-scales")))
        name = artifact_id(artifact.backend, artifact.precision, variant, artifact.tile)
        found.append(Judge(name, REFERENCE_FP16_SCALES, note))
    return tuple(found)


def _built_kernels(bundle: Path, artifact: Artifact) -> Iterator[EngineKernels]:
    from runtimes.backends.tensorrt.engine_record import built_records, engine_kernels

    return engine_kernels(artifact, built_records(bundle, artifact))


def _shipped_kernels(bundle: Path, artifact: Artifact) -> Iterator[EngineKernels]:
    from runtimes.backends.tensorrt.engine_record import engine_kernels, shipped_record

    return engine_kernels(artifact, [] if artifact.graph.engine is None else [shipped_record(artifact)])


BACKEND = Backend(
    engine=TENSORRT,
    role="builds and runs tensorrt-* artifacts on this GPU",
    probe=_probe,
    runner=_runner_or_reference,
    interpreters=(REFERENCE, REFERENCE_FP16_SCALES),
    judges=_judges,
    kernels=_built_kernels,
    beside_int8="fp16",
)
RTX_BACKEND = Backend(
    engine=TENSORRT_RTX,
    role="compiles tensorrt-rtx-* anywhere, runs them on its GPU",
    probe=_probe,
    runner=_runner,
    kernels=_shipped_kernels,
    beside_int8="fp16",
)
