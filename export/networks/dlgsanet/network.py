"""A DLGSANet checkpoint as a network: rewritten by exact passes, which are proven in float64."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from dlgsanet.checkpoints import Checkpoint, build_model, save_checkpoint
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.photographs import PHOTOGRAPHS
from dlgsanet.network.count import Size, true_macs
from dlgsanet.network.model import DLGSANet
from dlgsanet.numpy_model import NumpyModel
from dlgsanet.storage.shelf import KeptEntries, key_of
from export.graph.block_tensors import block_tensors
from export.graph.build import build_onnx
from export.graph.graph import Graph
from export.networks.dlgsanet.memory_estimate import require_memory
from export.networks.network import NetworkOptions, Proven, Say
from export.quantization.benchmark_images import benchmarks_among, warning
from export.quantization.calibration_tiles import image_paths
from export.rewriting.certificate import certify
from export.rewriting.low_rank_basis import Compression, compress
from export.rewriting.lowerings import lowering
from export.rewriting.passes.attention_by_cells import cell_of
from export.rewriting.passes.tlc_windows import windows_for
from export.rewriting.rewrite import rewrite
from export.targets.table import Target
from export.tuning.lowering_choice import Tuner, default_choice
from export.tuning.lowering_trials import Variant, build_graph
from runtimes.bundle.artifact_facts import BlockTensors, Cost, FormChoice
from runtimes.bundle.manifest import LOW_RANK, Source
from runtimes.runner.tiling import Array, Tile

CALIBRATION_IMAGES = 16  # of a folder, the first by name: each costs one run of the network per try
CHECKPOINT = "reference/checkpoint.safetensors"


@dataclass(frozen=True)
class DlgsaNetwork:
    """`export.networks.network.Network` of a checkpoint."""

    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        return self.checkpoint.name

    @property
    def notes(self) -> tuple[str, ...]:
        return self.checkpoint.notes

    def side_step(self, side: int) -> int:
        """That of the attention's windows: a step of 1 where they share no grid."""
        return cell_of(windows_for((side, side), self.checkpoint.config.tlc_size))[0]

    def refuse(self, options: NetworkOptions, tiles: Sequence[Tile]) -> None:
        """Raise InputError for a lowering that there is not, options that contradict one another, and a tile that does
        not fit into the memory."""
        given = options.lowering
        if given is not None and not self.checkpoint.config.dynamic:
            raise InputError(
                f"{self.name} has static filters, so there is no dynamic convolution to lower: leave --lowering out"
            )
        if given is not None:
            lowering(given)
        if given is not None and options.tune:
            raise InputError(f"--tune chooses the lowering and --lowering gives it ({given}): give one of them")
        for tile in tiles:
            require_memory(self.checkpoint.config, tile, given)

    def prepare(self, options: NetworkOptions, say: Say) -> PreparedDlgsaNetwork:
        """Build the model, compress its filters' basis where that is asked for."""
        checkpoint = self.checkpoint
        model = build_model(checkpoint)
        source = Source(checkpoint.name, checkpoint.sha256, asdict(checkpoint.config), dict(checkpoint.metadata))
        compression = _compressed(model, options, say)
        exported = model if compression is None else compression.model
        return PreparedDlgsaNetwork(model, exported, source, compression, _chooser(options, exported, say), say)


@dataclass(frozen=True)
class PreparedDlgsaNetwork:
    """`export.networks.network.PreparedNetwork` of a checkpoint: `model` is the reference, `exported` the network that
    is rewritten and that certificates are about, the same but where its basis was compressed."""

    model: DLGSANet
    exported: DLGSANet
    source: Source
    compression: Compression | None
    choose: Callable[[Target], FormChoice]
    say: Say
    known_layers: bool = True

    @property
    def scale(self) -> int:
        return self.model.scale

    @property
    def identity(self) -> str:
        """Of both networks' weights, and what they are called."""
        return key_of(
            self.source.name, json.dumps(asdict(self.model.config)), *map(_weights, (self.model, self.exported))
        )

    @property
    def variant(self) -> str | None:
        return LOW_RANK if self.compression else None

    @property
    def learnt(self) -> tuple[Compression, ...]:
        return () if self.compression is None else (self.compression,)

    @property
    def reference(self) -> Callable[[Array], Array]:
        return NumpyModel(self.model)

    def prove(self, target: Target, lowering: str) -> Proven:
        """Rewrite, certify in float64, and write the graph."""
        size = f"{target.tile[0]}x{target.tile[1]}"
        self.say(f"rewriting for {size} ({lowering})")
        result = rewrite(self.exported, target, lowering_name=lowering)
        real = PHOTOGRAPHS[0]  # each picture costs seconds, and one already has edges, texture and flat areas
        certificate = certify(
            self.exported,
            result.model,
            target.tile,
            {real.name: real.read()},
            progress=lambda case: self.say(f"proving {size} ({lowering}) in float64: {case}"),
        )
        graph = build_onnx(
            result.model, name=self.source.name, tile=target.tile, scale=self.scale, opset=target.graph_opset
        )
        along = tuple(result.model.reflected_along or ()) or None
        return Proven(Graph(graph), certificate, result.lowering, result.rewrites, along)

    def draft(self, target: Target, lowering: str) -> Graph:
        """As `prove` writes it."""
        return build_graph(self.exported, target, Variant(self.source.name, lowering))

    def cost(self, target: Target) -> Cost:
        """Multiply-adds of the network itself, and its compressed basis."""
        basis = None if self.compression is None else self.compression.basis
        return Cost(network_macs=true_macs(self.exported.config, Size(*target.tile)), basis=basis)

    def blocks(self, proven: Proven, short_names: bool) -> BlockTensors:
        """Found by the names of the graph's nodes."""
        return block_tensors(proven.graph, short_names, proven.reflected_along)

    def store(self, bundle: Path) -> tuple[str, ...]:
        """One safetensors file."""
        save_checkpoint(bundle / CHECKPOINT, self.model, self.source.metadata)
        return (CHECKPOINT,)


def _weights(model: DLGSANet) -> bytes:
    """A hash of their names, shapes and values."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        array = np.ascontiguousarray(value.detach().cpu().numpy())
        digest.update(key_of(name, str((array.shape, array.dtype)), array.tobytes()).encode())
    return digest.digest()


def _compressed(model: DLGSANet, options: NetworkOptions, say: Say) -> Compression | None:
    if options.basis_rank is None:
        return None
    folder = options.calibration.folder
    pictures = {path.name: read_rgb8(path) for path in image_paths(folder)[:CALIBRATION_IMAGES]}
    known = benchmarks_among(folder, pictures.values())
    if known:
        say(f"warning: {warning(known)}")
    return replace(compress(model, pictures, options.basis_rank, options.max_drop, say), benchmarks=known)


def _chooser(options: NetworkOptions, model: DLGSANet, say: Say) -> Callable[[Target], FormChoice]:
    if options.tune:
        return Tuner(model, KeptEntries(options.cache), say)
    given = options.lowering
    return default_choice if given is None else lambda target: FormChoice(given, "given")
