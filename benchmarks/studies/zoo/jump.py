"""Where inside a network an artifact leaves it: the first tensor at which its error jumps.

The fixed graph in fp32 and the artifact are run on one photograph with what every convolution and every sum gives.
From the lowest signal-to-error ratio so far to each next one, and from what one rounding costs to the first, the
largest fall is the jump. A tensor is called after the module whose forward made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.blocks import twin_fault
from dlgsanet.errors import BackendError, EdgeError
from dlgsanet.metrics import psnr_float
from export.backends.coreml.program import ShortNames
from export.backends.registry import backend_of
from export.graph.build import INPUT, OUTPUT
from export.networks.onnx_file.fixing import PASSES, FixJob
from export.networks.onnx_file.reading import read_onnx
from export.pictures import photograph
from runtimes.backends.coreml.mil.tensor_types import Anything
from runtimes.backends.coreml.reference import MilRunner
from runtimes.backends.onnxruntime.untouched import open_session
from runtimes.backends.registry import backend_runner
from runtimes.bundle.manifest import Artifact
from runtimes.file_formats.onnx_file import with_outputs
from runtimes.runner.contract import RunOptions
from runtimes.runner.tiling import Array

LOOKED_AT = ("Conv", "ConvTranspose", "Add")
ROUNDING_DB = {"fp32": 140.0, "fp16": 70.0, "bf16": 53.0, "int8": 45.0, "int8-mixed": 45.0}
"""About what one rounding of a tensor costs: what lies above it says nothing of any layer."""

LOST_DB = -99.0  # no number at all


@dataclass(frozen=True)
class Tensor:
    """One of the fixed graph, by its name there and in a package of Core ML, and its module's path in the network."""

    name: str
    short: str
    module: str


@dataclass(frozen=True)
class Inside:
    """The fixed graph of a network in a file that gives these of its tensors, too, in their order."""

    file: Path
    tensors: tuple[Tensor, ...]


def inside(job: FixJob) -> Inside:
    """Fix a file again, into `job.graph`; nodes keep the names that the exporter gave them until the last pass."""
    model = read_onnx(Path(job.file)).model
    scopes: list[str] = []
    for name, change in PASSES.items():
        if name == "name-nodes":
            scopes = [node.name for node in model.graph.node]
        model = change(model, job)
    names, found, last = ShortNames(), [], ""
    for node, scope in zip(model.graph.node, scopes, strict=True):
        short, last = names.of(node.name), module_of(scope) or last
        if node.op_type in LOOKED_AT and node.output[0] != model.graph.output[0].name:
            found.append(Tensor(node.output[0], short, last or node.name))
    data = with_outputs(model.SerializeToString(deterministic=True), [each.name for each in found])
    Path(job.graph).write_bytes(data)
    return Inside(Path(job.graph), tuple(found))


def module_of(scope: str) -> str:
    """`/module/layers/layers.0/conv/Conv` -> layers.0.conv; "" for what no module of the network made."""
    parts = scope.strip("/").split("/")[:-1]
    if not scope.startswith("/module"):
        return ""
    within = [part for part, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(f"{part}.")]
    return ".".join(within).removeprefix("module").removeprefix(".")


def jump(bundle: Path, artifact: Artifact, scale: int, graph: Inside, device: str) -> str:
    """Where it is, as a cell says it; why there is no telling, where the engine does not show it."""
    lr, names = photograph(artifact.tile), [each.name for each in graph.tensors]
    expected, *values = open_session(graph.file, threads=1).run([OUTPUT, *names], {INPUT: lr})
    wanted = dict(zip(names, values, strict=True))
    try:
        sr, found = _seen(bundle, artifact, scale, graph.tensors, device, lr)
        if sr is not None and (fault := _twin_fault(bundle, artifact, scale, device, lr, (sr, expected))):
            return f"not told: {fault}"
    except EdgeError as error:
        return f"not told: {error}"
    rows = [(each.module, signal_to_error(wanted[each.name], found.get(each.name))) for each in graph.tensors]
    return largest_fall([(module, db) for module, db in rows if db is not None], ROUNDING_DB[artifact.precision])


def largest_fall(rows: Sequence[tuple[str, float]], start: float) -> str:
    """Of (module, dB) in their order, the one that is farthest below the lowest before it."""
    lowest, best, fall = start, "behind all of them", 0.0
    for module, db in rows:
        if lowest - db > fall:
            best = f"{module}: {lowest:.0f} -> {'not finite' if db == LOST_DB else f'{db:.0f} dB'}"
            fall = lowest - db
        lowest = min(lowest, db)
    return best


def signal_to_error(expected: Array, found: Array | None) -> float | None:
    """In dB; None where the tensor was not seen, is nothing but zeros or exact."""
    if found is None or found.size != expected.size:
        return None
    error = np.square(found.reshape(expected.shape).astype(np.float64) - expected).mean()
    signal = np.square(expected.astype(np.float64)).mean()
    if not np.isfinite(error):
        return LOST_DB
    return None if error == 0 or signal == 0 else float(10 * np.log10(signal / error))


def _seen(
    bundle: Path, artifact: Artifact, scale: int, tensors: Sequence[Tensor], device: str, lr: Array
) -> tuple[Array | None, Mapping[str, Array]]:
    """The artifact's output, None where it is no picture, and its tensors by their names in the graph."""
    short = backend_of(artifact.backend).short_names
    taps = () if short else tuple(each.name for each in tensors)
    with backend_runner(bundle, artifact, scale, RunOptions(device, threads=1, taps=taps)) as runner:
        if not isinstance(runner, MilRunner):
            return runner.inspect(lr)
        found: dict[str, Array] = {}
        names = {each.short: each.name for each in tensors}

        def keep(name: str, value: Anything) -> None:
            if name in names:
                found[names[name]] = np.array(value, np.float32)

        runner.observe = keep
        try:
            return runner.infer(lr), found
        except BackendError:  # the output is not finite: where that began is asked
            return None, found


def _twin_fault(
    bundle: Path, artifact: Artifact, scale: int, device: str, lr: Array, pictures: tuple[Array, Array]
) -> str | None:
    sr, expected = pictures
    with backend_runner(bundle, artifact, scale, RunOptions(device, threads=1)) as runner:
        shipped = runner.infer(lr)
    return twin_fault(psnr_float(sr, shipped), psnr_float(sr, expected), psnr_float(shipped, expected))
