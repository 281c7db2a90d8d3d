"""`python -m benchmarks.studies.zoo FILE [--target TARGET...] [--network NAME...]`: it goes on where it was stopped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.zoo.judge import Network, judged
from benchmarks.studies.zoo.networks import NETWORKS, TILE, ZooNetwork, make
from benchmarks.studies.zoo.study import TARGETS, Zoo, ZooCell
from dlgsanet.errors import EdgeError
from export.backends.registry import backend_of
from export.bundle.artifact_writer import ArtifactWriter
from export.graph.build import INPUT, OUTPUT
from export.networks.network import NetworkOptions
from export.networks.onnx_file.network import MadeFrom, OnnxFile, PreparedOnnxFile
from export.networks.torch_module.spandrel_file import load_spandrel
from export.networks.torch_module.tracing import TraceJob, traced
from export.quantization.layer_choice import Int8
from export.quantization.options import CalibrationOptions
from export.targets.choice import parse_targets
from export.targets.table import TargetOptions
from runtimes.backends.onnxruntime.look import Looked
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.runner.tiling import Array

PACKAGES = ("torch", "spandrel", "onnxruntime", "openvino", "nncf", "coremltools", "tensorrt-rtx")
CALIBRATED_ON = 16  # tiles: enough for ranges of networks as small as these


def main(
    file: Annotated[Path, typer.Argument(help="Where the cells are kept.")],
    target: Annotated[list[str] | None, typer.Option(help="Only these columns; may be repeated.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="Only these networks; may be repeated.")] = None,
) -> None:
    """Fill the table, network by network."""
    cells = list(read_study(Zoo, file).cells) if file.is_file() else []
    for each in NETWORKS:
        done = {cell.target for cell in cells if cell.network == each.name}
        wanted = [name for name in target or TARGETS if name not in done]
        if not wanted or (network and each.name not in network):
            continue
        for cell in _cells(each, wanted):
            typer.echo(f"{cell.network} {cell.target}: {cell.result} {cell.reason}")
            cells.append(cell)
        tools = {
            package: version(package) for package in ("torch", "spandrel", "onnxruntime", "openvino", "coremltools")
        }
        write_study(file, Zoo(tuple(cells), tools))


def _cells(network: ZooNetwork, targets: Sequence[str]) -> Iterator[ZooCell]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            prepared, module = _prepared(network, folder)
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
                found = judged(folder, writer.write(aim), network.scale, module)
            except EdgeError as error:
                found = ("refused", str(error), None)
            yield ZooCell(network.name, network.kind, name, *found)


def _prepared(network: ZooNetwork, folder: Path) -> tuple[PreparedOnnxFile, Network]:
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

    return opened, run


def _silent(step: str) -> None:
    """Nothing: cells are told, steps are not."""


if __name__ == "__main__":
    typer.run(main)
