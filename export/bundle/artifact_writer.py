"""One artifact of a bundle: rewrite, proof and graph (shared by the targets that can), then the backend's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlgsanet.network.count import Size, true_macs
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import sha256_file
from export.backends.backend import Order
from export.backends.registry import backend_of, quantizer_of
from export.graph.block_tensors import block_tensors
from export.graph.build import build_onnx
from export.graph.cost import graph_macs
from export.graph.graph import Graph
from export.pictures import PHOTOGRAPHS
from export.quantization.calibrated_graph import Quantization
from export.quantization.calibration_tiles import CalibrationSet, calibration_set
from export.quantization.layer_choice import Int8
from export.quantization.options import CalibrationOptions
from export.rewriting.certificate import certify
from export.rewriting.low_rank_basis import Compression
from export.rewriting.rewrite import RewriteResult, rewrite
from export.targets.outputs import Stamp, ports
from export.targets.table import Target
from runtimes.bundle.artifact_facts import Certificate, Cost, FormChoice
from runtimes.bundle.int8_choice import Int8Choice
from runtimes.bundle.manifest import LOW_RANK, SCHEMA, Artifact, Calibration, Source, artifact_id


@dataclass(frozen=True)
class Proven:
    """A rewritten network with its certificate and its graph."""

    result: RewriteResult
    certificate: Certificate
    graph: Graph


@dataclass
class ArtifactWriter:
    """Writes artifacts below `bundle`; what two targets share (same tile, lowering, opset) is made once."""

    bundle: Path
    model: DLGSANet
    source: Source
    tools: Mapping[str, str]
    choose: Callable[[Target], FormChoice]
    calibration: CalibrationOptions
    say: Callable[[str], None]
    int8: Int8
    compression: Compression | None = None  # then `model` is the compressed one, which the certificate is about
    _proven: dict[tuple[object, ...], Proven] = field(default_factory=dict)
    _tiles: dict[tuple[int, int], CalibrationSet] = field(default_factory=dict)

    def write(self, target: Target) -> Artifact:
        """Write the files of one target and return its manifest entry."""
        choice = self.choose(target)
        proven = self._prove(target, choice.lowering)
        variant = "-".join(filter(None, (target.variant, LOW_RANK if self.compression else None))) or None
        name = artifact_id(target.backend, target.precision, variant, target.tile)
        self.say(f"writing {name}")
        quantization, layers = self._quantization(target, proven)
        stamp = self._stamp(name, target, proven)
        written = backend_of(target.backend).write(Order(self.bundle, name, proven.graph, target, stamp, quantization))
        lr, sr = ports(target, self.model.scale)
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
            lowering=proven.result.lowering,
            rewrites=proven.result.rewrites,
            hints=dict(target.row.hints),
            calibration_sha256=self._calibration(target).sha256 if target.row.calibrated else None,
            certificate=proven.certificate,
            graph=self._cost(target, proven, written.cost),
            choice=replace(choice, int8=layers),
        )

    def _cost(self, target: Target, proven: Proven, told: Cost) -> Cost:
        short_names = backend_of(target.backend).short_names
        return replace(
            told,
            onnx_nodes=proven.graph.nodes,
            macs=graph_macs(proven.graph),
            network_macs=true_macs(self.model.config, Size(*target.tile)),
            blocks=block_tensors(proven.graph, short_names, proven.result.model.reflected_along),
            basis=None if self.compression is None else self.compression.basis,
        )

    def _prove(self, target: Target, lowering: str) -> Proven:
        key = (target.tile, lowering, target.graph_opset, target.row.half_safe, target.row.without)
        if key not in self._proven:
            size = f"{target.tile[0]}x{target.tile[1]}"
            self.say(f"rewriting for {size} ({lowering})")
            result = rewrite(self.model, target, lowering_name=lowering)
            real = PHOTOGRAPHS[0]  # each picture costs seconds, and one already has edges, texture and flat areas
            certificate = certify(
                self.model,
                result.model,
                target.tile,
                {real.name: real.read()},
                progress=lambda case: self.say(f"proving {size} ({lowering}) in float64: {case}"),
            )
            graph = build_onnx(
                result.model,
                name=self.source.name,
                tile=target.tile,
                scale=self.model.scale,
                opset=target.graph_opset,
            )
            self._proven[key] = Proven(result, certificate, Graph(graph))
        return self._proven[key]

    def _quantization(self, target: Target, proven: Proven) -> tuple[Quantization | None, Int8Choice | None]:
        if not target.row.calibrated:
            return None, None
        return self.int8.quantization(
            target,
            self.model.scale,
            quantizer_of(target.backend),
            proven.graph,
            self._calibration(target),
            backend_of(target.backend).not_timed,
        )

    def used_calibration(self) -> Calibration | None:
        """What the manifest says of the tiles that were used; None when nothing was calibrated."""
        learnt: list[CalibrationSet | Compression] = []
        learnt += list(self._tiles.values())[:1]
        learnt += [] if self.compression is None else [self.compression]
        images = {name: sha for each in learnt for name, sha in each.images.items()}
        known = tuple(dict.fromkeys(name for each in learnt for name in each.benchmarks))
        return Calibration(self.calibration.tiles, self.calibration.seed, images, known or None) if images else None

    def _calibration(self, target: Target) -> CalibrationSet:
        if target.tile not in self._tiles:
            self.say(f"choosing calibration tiles of {target.tile[0]}x{target.tile[1]}")
            found = calibration_set(self.model.scale, target.tile, self.calibration)
            for warning in found.warnings:
                self.say(f"warning: {warning}")
            self._tiles[target.tile] = found
        return self._tiles[target.tile]

    def _stamp(self, name: str, target: Target, proven: Proven) -> Stamp:
        lr, sr = ports(target, self.model.scale)
        return Stamp(
            schema=SCHEMA,
            id=name,
            backend=target.backend,
            precision=target.precision,
            tile=target.tile,
            scale=self.model.scale,
            input=lr,
            output=sr,
            lowering=proven.result.lowering,
            rewrites=proven.result.rewrites,
            hints=dict(target.row.hints),
            certificate=proven.certificate,
            source=self.source,
            tools=self.tools,
            calibration_sha256=self._calibration(target).sha256 if target.row.calibrated else None,
        )
