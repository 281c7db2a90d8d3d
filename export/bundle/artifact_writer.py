"""One artifact of a bundle: rewrite, proof and graph (shared by the targets that can), then the backend's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlgsanet.storage.atomic import sha256_file
from export.backends.backend import Order
from export.backends.registry import backend_of, quantizer_of
from export.bundle.kept_proofs import proven_once
from export.graph.cost import graph_macs
from export.machine.kept import NOTHING, Kept
from export.networks.network import LearntFrom, PreparedNetwork, Proven
from export.quantization.calibrated_graph import Quantization
from export.quantization.calibration_tiles import CalibrationSet, calibration_set
from export.quantization.layer_choice.choose import Int8
from export.quantization.options import CalibrationOptions
from export.targets.outputs import Stamp, ports
from export.targets.row import Row
from export.targets.table import Target
from runtimes.bundle.artifact_facts import Cost, FormChoice
from runtimes.bundle.int8_choice import Int8Choice
from runtimes.bundle.manifest import SCHEMA, Artifact, Calibration, artifact_id
from runtimes.bundle.tile_choice import TileChoice
from runtimes.runner.tiling import Tile

TileChoices = Mapping[tuple[Row, Tile], TileChoice]
"""Row and tile -> the frames that it was chosen for."""


@dataclass
class ArtifactWriter:
    """Writes artifacts below `bundle`; what two targets share (same tile, lowering, opset) is made once."""

    bundle: Path
    network: PreparedNetwork
    tools: Mapping[str, str]
    calibration: CalibrationOptions
    say: Callable[[str], None]
    int8: Int8
    tiles: TileChoices
    kept: Kept = NOTHING
    _choices: dict[Target, FormChoice] = field(default_factory=dict)
    _proven: dict[tuple[object, ...], Proven] = field(default_factory=dict)
    _tiles: dict[tuple[int, int], CalibrationSet] = field(default_factory=dict)

    def require(self, target: Target) -> None:
        """Prove the graph of a target and have its backend look at it: what cannot be is refused before the long work.
        Raises InputError."""
        proven = self._prove(target, self._choose(target).lowering)
        backend_of(target.backend).refuse_graph(proven.graph)

    def write(self, target: Target) -> Artifact:
        """Write the files of one target and return its manifest entry."""
        choice = self._choose(target)
        proven = self._prove(target, choice.lowering)
        variant = "-".join(filter(None, (target.variant, self.network.variant))) or None
        name = artifact_id(target.backend, target.precision, variant, target.tile)
        self.say(f"writing {name}")
        quantization, layers = self._quantization(target, proven)
        stamp = self._stamp(name, target, proven)
        written = backend_of(target.backend).write(Order(self.bundle, name, proven.graph, target, stamp, quantization))
        lr, sr = ports(target, self.network.scale)
        return Artifact(
            id=name,
            backend=target.backend,
            precision=target.precision,
            variant=variant,
            tile=target.tile,
            path=written.path,
            files={path: sha256_file(self.bundle / path) for path in written.files},
            input=lr,
            output=sr,
            lowering=proven.lowering,
            rewrites=proven.rewrites,
            hints=dict(target.row.hints),
            calibration_sha256=self._calibration(target).sha256 if target.row.calibrated else None,
            certificate=proven.certificate,
            graph=self._cost(target, proven, written.cost),
            choice=replace(choice, int8=layers, tile=self.tiles.get((target.row, target.tile))),
        )

    def _cost(self, target: Target, proven: Proven, told: Cost) -> Cost:
        known = self.network.cost(target)
        return replace(
            told,
            onnx_nodes=proven.graph.nodes,
            macs=graph_macs(proven.graph),
            network_macs=known.network_macs,
            blocks=self.network.blocks(proven, backend_of(target.backend).short_names),
            basis=known.basis,
        )

    def _choose(self, target: Target) -> FormChoice:
        if target not in self._choices:
            self._choices[target] = self.network.choose(target)
        return self._choices[target]

    def _prove(self, target: Target, lowering: str) -> Proven:
        key = target.graph_key(lowering)
        if key not in self._proven:
            self._proven[key] = proven_once(self.network, target, lowering, self.kept, self.say)
        return self._proven[key]

    def _quantization(self, target: Target, proven: Proven) -> tuple[Quantization | None, Int8Choice | None]:
        if not target.row.calibrated:
            return None, None
        backend = backend_of(target.backend)
        return self.int8.quantization(
            target,
            self.network.scale,
            quantizer_of(target.backend),
            proven.graph,
            self._calibration(target),
            backend.not_timed,
            self.network.known_layers,
            replace(target, backend=backend.stand_in) if backend.stand_in else None,
        )

    def used_calibration(self) -> Calibration | None:
        """What the manifest says of the tiles that were used; None when nothing was calibrated."""
        learnt: list[LearntFrom] = [*list(self._tiles.values())[:1], *self.network.learnt]
        images = {name: sha for each in learnt for name, sha in each.images.items()}
        known = tuple(dict.fromkeys(name for each in learnt for name in each.benchmarks))
        return Calibration(self.calibration.tiles, self.calibration.seed, images, known or None) if images else None

    def _calibration(self, target: Target) -> CalibrationSet:
        if target.tile not in self._tiles:
            self.say(f"choosing calibration tiles of {target.tile[0]}x{target.tile[1]}")
            found = calibration_set(self.network.scale, target.tile, self.calibration)
            for warning in found.warnings:
                self.say(f"warning: {warning}")
            self._tiles[target.tile] = found
        return self._tiles[target.tile]

    def _stamp(self, name: str, target: Target, proven: Proven) -> Stamp:
        lr, sr = ports(target, self.network.scale)
        return Stamp(
            schema=SCHEMA,
            id=name,
            backend=target.backend,
            precision=target.precision,
            tile=target.tile,
            scale=self.network.scale,
            input=lr,
            output=sr,
            lowering=proven.lowering,
            rewrites=proven.rewrites,
            hints=dict(target.row.hints),
            certificate=proven.certificate,
            source=self.network.source,
            tools=self.tools,
            calibration_sha256=self._calibration(target).sha256 if target.row.calibrated else None,
        )
