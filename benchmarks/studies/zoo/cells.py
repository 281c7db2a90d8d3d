"""The cells of one network, in a process of its own: memory ends with it, and a crash costs one cell.

Runs as `python -m benchmarks.studies.zoo.cells`, see `fill`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.studies.zoo.judge import Network, device_of, judged
from benchmarks.studies.zoo.jump import inside, jump
from benchmarks.studies.zoo.networks import NETWORKS, TILE, ZooNetwork, make
from benchmarks.studies.zoo.study import ZooCell
from dlgsanet.errors import BackendError, EdgeError
from dlgsanet.storage.typed_json import decode, to_json
from export.backends.registry import backend_of
from export.bundle.artifact_writer import ArtifactWriter
from export.graph.build import INPUT, OUTPUT
from export.networks.network import NetworkOptions
from export.networks.onnx_file.fixing import FixJob
from export.networks.onnx_file.network import MadeFrom, OnnxFile, PreparedOnnxFile
from export.networks.torch_module.spandrel_file import load_spandrel
from export.networks.torch_module.tracing import TraceJob, traced
from export.quantization.layer_choice.choose import Int8
from export.quantization.options import CalibrationOptions
from export.targets.choice import parse_targets
from export.targets.table import TargetOptions
from runtimes.backends.onnxruntime.look import Looked
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.runner.tiling import Array

CALIBRATED_ON = 16  # tiles: enough for ranges of networks as small as these


@dataclass(frozen=True)
class ZooJob:
    """A network by its name, through these targets."""

    network: str
    targets: tuple[str, ...]


def fill(network: ZooNetwork, targets: Sequence[str], keep: Callable[[ZooCell], None]) -> None:
    """`keep` gets every cell as soon as it is known; one in which the process ends is refused with its last words, and
    the next ones get another."""
    left = list(targets)

    def known(cell: ZooCell) -> None:
        left.remove(cell.target)
        keep(cell)

    while left:
        job = Job("benchmarks.studies.zoo.cells", to_json(ZooJob(network.name, tuple(left))), network.name)
        try:
            ask(job, lambda step: known(decode(ZooCell, json.loads(step), "cell")))
        except BackendError as error:
            known(ZooCell(network.name, network.kind, left[0], "refused", str(error), None))


def _cells(network: ZooNetwork, targets: Sequence[str]) -> Iterator[ZooCell]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            prepared, module, looked = _prepared(network, folder)
        except EdgeError as error:
            reason = str(error).replace(f"{folder}/", "")
            yield from (ZooCell(network.name, network.kind, name, "refused", reason, None) for name in targets)
            return
        writer = ArtifactWriter(
            folder, prepared, {}, CalibrationOptions(tiles=CALIBRATED_ON), _silent, Int8(folder, None, _silent, {}), {}
        )
        for name in targets:
            (row,) = parse_targets((name,), ())
            aim = backend_of(row.backend).expand(row, TILE, TargetOptions())[0]
            try:
                writer.require(aim)
                artifact = writer.write(aim)
                found = judged(folder, artifact, network.scale, module)
            except EdgeError as error:
                found = ("refused", str(error), None)
            where = ""
            if found[0] == "fails":
                file = str(folder / f"{name}.onnx")
                graph = inside(FixJob(str(prepared.path), looked, TILE, network.scale, aim.graph_opset, file))
                where = jump(folder, artifact, network.scale, graph, device_of(artifact))
            yield ZooCell(network.name, network.kind, name, *found, where)


def _prepared(network: ZooNetwork, folder: Path) -> tuple[PreparedOnnxFile, Network, Foreign]:
    weights, file = folder / f"{network.name}.pth", folder / f"{network.name}.onnx"
    make(network, weights)
    traced(TraceJob("spandrel", str(weights), (TILE,), str(file), False))
    module = load_spandrel(str(weights)).module.eval()
    foreign = Foreign("spandrel", INPUT, OUTPUT, "float32", Pixels(), fixed=TILE)
    origin = MadeFrom(network.name, "a module of spandrel", "0" * 64)
    opened = OnnxFile(file, Looked(foreign, network.scale, ()), origin).prepare(NetworkOptions(), _silent)

    def run(lr: Array) -> Array:
        with torch.inference_mode():
            sr: Array = module(torch.from_numpy(lr.copy())).numpy()
        return sr

    return opened, run, foreign


def _silent(step: str) -> None:
    """Nothing: cells are told, steps are not."""


def _serve(given: object, say: Say) -> object:
    job: ZooJob = decode(ZooJob, given, "job")
    (network,) = (each for each in NETWORKS if each.name == job.network)
    for cell in _cells(network, job.targets):
        say(json.dumps(to_json(cell)))
    return None


if __name__ == "__main__":
    serve(_serve)
