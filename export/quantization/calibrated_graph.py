"""A graph calibrated once, and what is made of it: the default INT8 layers, or those that a search chose."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from export.graph.graph import Graph
from export.machine.child_process import run_job

CALIBRATED = "calibrated"
"""The folder of what a quantizer writes, in that of a graph."""

Layers = Mapping[str, bool]
"""Convolutions by name, and whether each is a dense one."""


class Maker(Protocol):
    """Makes candidates of one calibrated graph, in this process: reading it again for each would take longer."""

    @property
    def layers(self) -> Layers: ...

    @property
    def default(self) -> list[str]:
        """Those that become INT8 by default. Raises RuntimeError when none is left."""

    def write(self, place: Path, chosen: Collection[str]) -> tuple[Path, ...]:
        """Write the graph with these layers in INT8 at `place` (without suffix); the files, the one to load first."""


@dataclass(frozen=True)
class Quantizer:
    """Learns ranges, and makes INT8 graphs of them. `module` calibrates in a process of its own and writes a file with
    this `suffix`, of which `open` reads a maker: (fp32 ONNX file, calibrated file) -> Maker. `name` tells apart what
    calibrates differently."""

    name: str
    module: str
    suffix: str
    open: Callable[[Path, Path], Maker]


@dataclass(frozen=True)
class CalibrationJob:
    """What a quantizer's process is asked: to learn the ranges of `source` (ONNX) on `tiles` (NPY) and to write
    `calibrated`; `quantizer`: its name."""

    source: str
    tiles: str
    calibrated: str
    quantizer: str


@dataclass(frozen=True)
class Calibrated:
    """`source`: the fp32 ONNX file; `model`: the same with ranges for every convolution, in its quantizer's form."""

    quantizer: Quantizer
    source: Path
    model: Path

    def maker(self) -> Maker:
        """Read it, to make candidates of it."""
        return self.quantizer.open(self.source, self.model)


@dataclass(frozen=True)
class Quantization:
    """Which convolutions of a calibrated graph become INT8, by name; `small_rest`: the weights of the others are stored
    small, which costs DLGSANet nothing that shows, and was not measured of others."""

    calibrated: Calibrated
    layers: tuple[str, ...]
    small_rest: bool = True


def calibrate(
    folder: Path, quantizer: Quantizer, graph: Graph, tiles: NDArray[np.float32], say: Callable[[str], None]
) -> Calibrated:
    """Calibrate a graph, unless `folder` has it already (it belongs to this graph and
    these tiles alone). Raises InputError naming a layer whose values are not finite, BackendError when the
    quantizer fails."""
    found = Calibrated(quantizer, folder / "source.onnx", folder / CALIBRATED / f"model{quantizer.suffix}")
    folder.mkdir(parents=True, exist_ok=True)
    found.source.write_bytes(graph.data)
    if found.model.is_file():
        return found
    say(f"calibrating for {quantizer.name} on {len(tiles)} tiles")
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        made = Path(temporary) / CALIBRATED
        made.mkdir()
        np.save(Path(temporary) / "tiles.npy", tiles, allow_pickle=False)
        tiles_file, calibrated = Path(temporary) / "tiles.npy", made / found.model.name
        job = CalibrationJob(str(found.source), str(tiles_file), str(calibrated), quantizer.name)
        run_job(quantizer.module, job, "the INT8 ranges could not be learnt", made / found.model.name)
        made.replace(found.model.parent)  # whole or not at all
    return found


def quantized(graph: Graph, tiles: NDArray[np.float32], quantizer: Quantizer) -> Graph:
    """The INT8 form of a graph with its default layers, by a quantizer of ONNX files."""
    with tempfile.TemporaryDirectory() as folder:
        calibrated = calibrate(Path(folder), quantizer, graph, tiles, lambda step: None)
        return as_onnx(Quantization(calibrated, tuple(calibrated.maker().default)))


def as_onnx(quantization: Quantization) -> Graph:
    """The graph with Q/DQ pairs around the chosen layers."""
    with tempfile.TemporaryDirectory() as temporary:
        maker = quantization.calibrated.maker()
        return Graph(onnx.load(maker.write(Path(temporary) / "int8", quantization.layers)[0]))
