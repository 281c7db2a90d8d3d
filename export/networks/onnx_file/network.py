"""An ONNX file as a network: its graph is fixed to each tile by general exact passes and proven against the file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from dlgsanet.errors import GateError, InputError
from dlgsanet.storage.atomic import sha256_file
from export.graph.build import INPUT, OUTPUT
from export.graph.graph import Graph
from export.networks.network import NetworkOptions, Proven, Say
from export.networks.onnx_file.fixing import FixJob, fixed
from export.networks.onnx_file.looking import Looked, LookJob, look
from export.pictures import photograph
from export.targets.table import Target
from runtimes.backends.onnxruntime.untouched import UntouchedOnnx, open_untouched
from runtimes.bundle.artifact_facts import BlockTensors, CaseError, Certificate, Cost, FormChoice
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.bundle.manifest import Source
from runtimes.runner.tiling import Array, Tile

STORED = "reference/network.onnx"
AS_IT_IS = "none"  # there is no dynamic convolution to lower
OURS = Foreign("onnx", INPUT, OUTPUT, "float32", Pixels())
LIMIT = 2e-5
"""Largest error allowed in fp32, relative to the larger of 1 and the reference's largest output: both are rounded, and
differently where constants were folded or norms merged."""


def open_onnx(path: Path, options: NetworkOptions) -> OnnxFile:
    """Look at a file, in a process of its own. Raises InputError for what does not make one picture of one."""
    return OnnxFile(path, look(LookJob(str(path), options.scale, options.top, options.channels)))


@dataclass(frozen=True)
class OnnxFile:
    """`export.networks.network.Network` of a file."""

    path: Path
    looked: Looked

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def notes(self) -> tuple[str, ...]:
        return self.looked.notes

    def refuse(self, options: NetworkOptions, tiles: Sequence[Tile]) -> None:
        """Raise InputError for what only DLGSANet has, and for a tile that the network does not take."""
        asked = {
            "--lowering": options.lowering is not None,
            "--tune": options.tune,
            "--activation": options.activation is not None,
            "--basis-rank": options.basis_rank is not None,
        }
        for option in (name for name, given in asked.items() if given):
            raise InputError(
                f"{option} is for DLGSANet checkpoints, and {self.path.name} is an ONNX file: leave it out"
            )
        foreign = self.looked.foreign
        for height, width in tiles:
            if not foreign.takes((height, width)):
                one = f"{foreign.fixed[0]}x{foreign.fixed[1]} alone" if foreign.fixed else ""
                takes = one or f"sides that are multiples of {foreign.multiple}"
                raise InputError(
                    f"{self.path.name} takes {takes}, found a tile of {height}x{width}: give another --tile"
                )

    def prepare(self, options: NetworkOptions, say: Say) -> PreparedOnnxFile:
        """Open the file as the reference."""
        foreign = self.looked.foreign
        source = Source(self.name, sha256_file(self.path), {"family": foreign.family}, {}, foreign)
        return PreparedOnnxFile(self.path, self.looked.scale, source, open_untouched(self.path, foreign), say)


@dataclass(frozen=True)
class PreparedOnnxFile:
    """`export.networks.network.PreparedNetwork` of a file."""

    path: Path
    scale: int
    source: Source
    reference: UntouchedOnnx
    say: Say
    variant: str | None = None
    learnt: tuple[()] = ()
    known_layers: bool = False

    def choose(self, target: Target) -> FormChoice:
        """There is one form."""
        return FormChoice(AS_IT_IS, "default")

    def prove(self, target: Target, lowering: str) -> Proven:
        """Fix the graph to the tile, and run it beside the untouched file."""
        size = f"{target.tile[0]}x{target.tile[1]}"
        self.say(f"fixing the graph to {size}")
        with tempfile.TemporaryDirectory() as folder:
            graph = Path(folder) / "graph.onnx"
            foreign = self.reference.foreign
            job = FixJob(str(self.path), foreign, target.tile, self.scale, target.graph_opset, str(graph))
            report = fixed(job, f"{self.path.name} could not be fixed to {size}")
            self.say(f"proving {size} against the file")
            certificate = _certified(self.reference, open_untouched(graph, OURS), target.tile)
            return Proven(Graph(onnx.load(graph)), certificate, AS_IT_IS, report.applied)

    def cost(self, target: Target) -> Cost:
        """Nothing is known but the graph."""
        return Cost()

    def blocks(self, proven: Proven, short_names: bool) -> BlockTensors | None:
        """It names none."""
        return None

    def store(self, bundle: Path) -> tuple[str, ...]:
        """The file as it is."""
        (bundle / STORED).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path, bundle / STORED)
        return (STORED,)


def _certified(reference: Callable[[Array], Array], found_by: Callable[[Array], Array], tile: Tile) -> Certificate:
    """Raises GateError at the first case whose error is above LIMIT or not a number."""
    cases = {}
    for name, lr in _inputs(tile).items():
        expected, found = reference(lr), found_by(lr)
        error = float(np.abs(found - expected).max())
        cases[name] = CaseError(error, error / max(1.0, float(np.abs(expected).max())))
        if not cases[name].max_rel <= LIMIT:  # so that NaN fails as well
            raise GateError(
                f"the fixed graph differs from the untouched file by {cases[name].max_rel:.1e} on input '{name}' at "
                f"tile {tile[0]}x{tile[1]}, at most {LIMIT:.0e} was expected: nothing was written; please report this"
            )
    return Certificate("float32", LIMIT, max(case.max_rel for case in cases.values()), cases)


def _inputs(tile: Tile) -> dict[str, Array]:
    shape = (1, 3, *tile)
    noise = np.random.default_rng(0).random(shape, np.float32)
    near, zero = np.float32(0.5) + np.float32(1e-3) * noise, np.zeros(shape, np.float32)
    return {
        "random": noise,
        "near-zero-variance": near,
        "all-zero": zero,
        "real": photograph(tile),
    }
