"""An ONNX file as a network: its graph is fixed to each tile by general exact passes and proven against the file."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnx

from dlgsanet.errors import BackendError, GateError, InputError
from dlgsanet.metrics import psnr_float
from dlgsanet.storage.atomic import sha256_file
from dlgsanet.storage.shelf import key_of
from dlgsanet.storage.typed_json import to_json
from export.graph.build import INPUT, OUTPUT
from export.graph.cost import graph_macs
from export.graph.graph import Graph
from export.networks.arithmetic.double import DoubleJob, proven_in_double
from export.networks.arithmetic.widen import HALF_TO_SINGLE, widened
from export.networks.network import NetworkOptions, Proven, Say
from export.networks.onnx_file.fixing import FixJob, FixReport, fixed
from export.networks.onnx_file.reading import MOST_BYTES, read_onnx
from export.networks.proof import certified
from export.pictures import photograph
from export.targets.table import Target
from runtimes.backends.onnxruntime.look import Looked, LookJob, look
from runtimes.backends.onnxruntime.untouched import UntouchedOnnx, open_untouched
from runtimes.bundle.artifact_facts import BlockTensors, Cost, FormChoice
from runtimes.bundle.foreign import ONE, ZERO, Foreign, Pixels
from runtimes.bundle.manifest import Source
from runtimes.machine.memory import available_bytes
from runtimes.runner.tiling import Tile

STORED = "reference/network.onnx"
AS_IT_IS = "none"  # there is no dynamic convolution to lower
PROVEN = ("the fixed graph", "the untouched file")
MOST_MACS = 20 * 10**9
"""Multiply-adds of a tile up to which it is run in float64, eight times: some 40 s on two cores."""

SEEN = (64, 64)
NEAR_DB = 35.0
"""Between a network in fp16 and in fp32 on a photograph: deep ones round to fp16 hundreds of times, another network is
far away."""

OURS = Foreign("onnx", INPUT, OUTPUT, "float32", Pixels())


def open_onnx(path: Path, options: NetworkOptions) -> OnnxFile:
    """Look at a file, in a process of its own. Raises InputError for what does not make one picture of one."""
    mean, deviation = options.mean or ZERO, options.deviation or ONE
    looked = look(LookJob(str(path), options.scale, options.top, options.channels, mean=mean, deviation=deviation))
    made_from = MadeFrom(path.stem, "an ONNX file", sha256_file(path))
    return _in_fp32(path, looked, made_from) if looked.holds_half else OnnxFile(path, looked, made_from)


def _in_fp32(path: Path, looked: Looked, made_from: MadeFrom) -> OnnxFile:
    """The network of a file in fp16 or bf16: the same numbers, and nothing is rounded between them. Raises GateError
    where that is another network (in fp16: bf16 runs nowhere here), InputError for what is too large then."""
    half = "bf16" if looked.holds_bfloat16 else "fp16"
    if 2 * path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"{path.name} is in {half}, and in fp32 it is larger than {MOST_BYTES >> 20} MiB, which are read at most: "
            "get a smaller network"
        )
    holder = tempfile.TemporaryDirectory()
    wide = Path(holder.name) / path.name
    model = widened(read_onnx(path).model, HALF_TO_SINGLE)
    wide.write_bytes(model.SerializeToString(deterministic=True))
    foreign = replace(looked.foreign, dtype="float32")
    apart = "" if looked.holds_bfloat16 else f" ({_nearness(path, wide, looked.foreign):.0f} dB apart)"
    notes = (f"{path.name} is in {half}: the reference is the same numbers in fp32{apart}",)
    facts = {"stored_in": f"{half}, widened to fp32"}
    return OnnxFile(wide, replace(looked, foreign=foreign), replace(made_from, facts=facts, notes=notes, holder=holder))


def _nearness(path: Path, wide: Path, foreign: Foreign) -> float:
    """In dB, of a file in fp16 and of its numbers in fp32. Raises GateError."""
    size = foreign.fixed or foreign.fitting(SEEN)
    assert size is not None
    lr = photograph(size)
    found = psnr_float(open_untouched(wide, replace(foreign, dtype="float32"))(lr), open_untouched(path, foreign)(lr))
    if not found >= NEAR_DB:
        raise GateError(
            f"{path.name} in fp32 is {found:.1f} dB from the file in fp16, at least {NEAR_DB:g} dB was expected: "
            "export the network in fp32"
        )
    return found


def refuse_ours(options: NetworkOptions, name: str, what: str) -> None:
    """Raise InputError for what only DLGSANet has: `name` is `what` instead."""
    asked = {
        "--lowering": options.lowering is not None,
        "--tune": options.tune,
        "--activation": options.activation is not None,
        "--basis-rank": options.basis_rank is not None,
    }
    for option in (option for option, given in asked.items() if given):
        raise InputError(f"{option} is for DLGSANet checkpoints, and {name} is {what}: leave it out")


@dataclass(frozen=True)
class MadeFrom:
    """What the file was made from, as messages and the manifest say it: a `name`, `what` kind of thing it is, its hash,
    and facts about it. `holder` keeps the file while it is needed."""

    name: str
    what: str
    sha256: str
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    holder: object = None


@dataclass(frozen=True)
class OnnxFile:
    """`export.networks.network.Network` of a file."""

    path: Path
    looked: Looked
    origin: MadeFrom

    @property
    def name(self) -> str:
        return self.origin.name

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.looked.notes, *self.origin.notes)

    def side_step(self, side: int) -> int:
        """Multiples of what it takes suit it; vectors and cells are as long as powers of two."""
        return math.gcd(side, 16) if side % self.looked.foreign.multiple == 0 else 1

    def refuse(self, options: NetworkOptions, tiles: Sequence[Tile]) -> None:
        """Raise InputError for what only DLGSANet has, and for a tile that the network does not take."""
        refuse_ours(options, self.name, self.origin.what)
        foreign = self.looked.foreign
        for height, width in tiles:
            if not foreign.takes((height, width)):
                raise InputError(
                    f"{self.path.name} takes {foreign.sizes}, found a tile of {height}x{width}: give another --tile"
                )
            needed, here = (self.looked.pixel_bytes or 0) * height * width, available_bytes()
            if here is not None and needed > here:
                raise InputError(
                    f"{self.path.name} takes {needed / 1e9:.1f} GB for a tile of {height}x{width}, going by a smaller "
                    f"one, and {here / 1e9:.1f} GB are free: give a smaller --tile"
                )

    def prepare(self, options: NetworkOptions, say: Say) -> PreparedOnnxFile:
        """Open the file as the reference."""
        foreign = self.looked.foreign
        config = {"family": foreign.family, **self.origin.facts}
        source = Source(self.name, self.origin.sha256, config, {}, foreign)
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

    @property
    def identity(self) -> str:
        """Of the file, what it is called, and how pixels go in and out."""
        foreign = json.dumps(to_json(self.reference.foreign), sort_keys=True)
        return key_of(self.source.name, sha256_file(self.path), foreign, str(self.scale))

    def choose(self, target: Target) -> FormChoice:
        """There is one form."""
        return FormChoice(AS_IT_IS, "default")

    def prove(self, target: Target, lowering: str) -> Proven:
        """Fix the graph to the tile, and run it beside the untouched file."""
        size = f"{target.tile[0]}x{target.tile[1]}"
        self.say(f"fixing the graph to {size}")
        with tempfile.TemporaryDirectory() as folder:
            graph = Path(folder) / "graph.onnx"
            report = self._fixed(target, graph)
            self.say(f"proving {size} against the file")
            certificate = certified(self.reference, open_untouched(graph, OURS), target.tile, PROVEN)
            made = Proven(Graph(onnx.load(graph)), certificate, AS_IT_IS, report.applied)
            return self._in_double(made, graph, target.tile)

    def _in_double(self, made: Proven, file: Path, tile: Tile) -> Proven:
        """The same proven in float64; as it is where the network is not in fp32, or float64 takes too long, or cannot
        be had."""
        foreign = self.reference.foreign
        if foreign.dtype != "float32" or graph_macs(made.graph) > MOST_MACS:
            return made
        try:
            job = DoubleJob(str(self.path), foreign, str(file), OURS, tile, PROVEN)
            return replace(made, certificate=proven_in_double(job))
        except BackendError as error:
            self.say(f"proven in float32 alone: {error}")
            return replace(made, whole=False)

    def draft(self, target: Target, lowering: str) -> Graph:
        """The graph fixed to the tile."""
        with tempfile.TemporaryDirectory() as folder:
            graph = Path(folder) / "graph.onnx"
            self._fixed(target, graph)
            return Graph(onnx.load(graph))

    def _fixed(self, target: Target, graph: Path) -> FixReport:
        height, width = target.tile
        job = FixJob(str(self.path), self.reference.foreign, target.tile, self.scale, target.graph_opset, str(graph))
        return fixed(job, f"{self.path.name} could not be fixed to {height}x{width}")

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
