"""One artifact of a bundle: rewrite, proof and graph (shared by the targets that can), then the backend's file."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlgsanet.imaging.atomic import sha256_file
from dlgsanet.imaging.errors import BackendError
from dlgsanet.network.model import DLGSANet
from export.calibration import CalibrationOptions, CalibrationSet, calibration_set
from export.certificate import Certificate, certify
from export.pack import PHOTOGRAPHS
from export.rewrite import RewriteResult, rewrite
from export.subprocesses import run_job
from export.targets import Target
from runtimes.manifest import SCHEMA, Artifact, Calibration, Port, Source, artifact_id
from runtimes.ports import PICTURE

RANGE = (0.0, 1.0)  # of the pixels in, and of the pixels out but for overshoot: nothing is clamped


@dataclass(frozen=True)
class Proven:
    """A rewritten network with its certificate; `onnx` is its graph, without any metadata."""

    result: RewriteResult
    certificate: Certificate
    onnx: Any


@dataclass(frozen=True)
class Written:
    """The files of one artifact, inside the bundle; `path` is the one (or the package folder) to load."""

    path: str
    files: tuple[str, ...]


@dataclass
class ArtifactWriter:
    """Writes artifacts below `bundle`; what two targets share (same tile, lowering, opset) is made once."""

    bundle: Path
    model: DLGSANet
    source: Source
    tools: Mapping[str, str]
    lowering: str | None
    calibration: CalibrationOptions
    say: Callable[[str], None]
    _proven: dict[tuple[object, ...], Proven] = field(default_factory=dict)
    _tiles: dict[tuple[int, int], CalibrationSet] = field(default_factory=dict)

    def write(self, target: Target) -> Artifact:
        """Write the files of one target and return its manifest entry."""
        proven = self._prove(target)
        name = artifact_id(target.backend, target.precision, target.variant, target.tile)
        self.say(f"writing {name}")
        keys = self._keys(name, target, proven)
        written = self._convert(name, target, proven, keys)
        ports = self._ports(target)
        return Artifact(
            id=name,
            backend=target.backend,
            precision=target.precision,
            variant=target.variant,
            tile=target.tile,
            path=written.path,
            files={path: sha256_file(self.bundle / path) for path in written.files},
            input=ports[0],
            output=ports[1],
            lowering=proven.result.lowering,
            rewrites=proven.result.rewrites,
            hints=dict(target.row.hints),
            calibration_sha256=self._calibration(target).sha256 if target.row.calibrated else None,
            certificate=proven.certificate.as_json(),
        )

    def _prove(self, target: Target) -> Proven:
        from export.to_onnx import build_onnx

        key = (target.tile, self.lowering or target.row.lowering, target.graph_opset, target.row.half_safe)
        if key not in self._proven:
            size = f"{target.tile[0]}x{target.tile[1]}"
            self.say(f"rewriting for {size} ({key[1]})")
            result = rewrite(self.model, target, lowering_name=self.lowering)
            pictures = {photograph.name: photograph.read() for photograph in PHOTOGRAPHS}
            certificate = certify(
                self.model,
                result.model,
                target.tile,
                pictures,
                progress=lambda case: self.say(f"proving {size} ({key[1]}) in float64: {case}"),
            )
            graph = build_onnx(
                result.model,
                name=self.source.name,
                tile=target.tile,
                scale=self.model.scale,
                opset=target.graph_opset,
            )
            self._proven[key] = Proven(result, certificate, graph)
        return self._proven[key]

    def _convert(self, name: str, target: Target, proven: Proven, keys: Mapping[str, Any]) -> Written:
        """Write the backend's files."""
        from export.to_onnx import onnx_bytes

        if target.backend == "onnxruntime":
            path = self._place(f"onnx/{name}.onnx")
            graph = self._quantized(target, proven.onnx) if target.row.calibrated else proven.onnx
            (self.bundle / path).write_bytes(onnx_bytes(graph, keys))
            return Written(path, (path,))
        if target.backend == "openvino":
            from export.to_openvino import convert_openvino

            paths = tuple(self._place(f"openvino/{name}{suffix}") for suffix in (".xml", ".bin"))
            with tempfile.TemporaryDirectory() as folder:
                graph, xml = Path(folder) / "graph.onnx", Path(folder) / f"{name}.xml"
                graph.write_bytes(onnx_bytes(proven.onnx, None))
                tiles = self._write_tiles(target, Path(folder) / "tiles.npy")
                half = target.precision == "fp16"
                convert_openvino(graph, xml, half=half, metadata=_texts(keys), calibration=tiles)
                for path in paths:  # copied by us, so that a full disk is told from a failed conversion
                    shutil.copyfile(Path(folder) / Path(path).name, self.bundle / path)
            return Written(paths[0], paths)
        if target.backend == "coreml":
            graph = self._quantized(target, proven.onnx) if target.row.calibrated else proven.onnx
            return self._convert_coreml(name, target, onnx_bytes(graph, None), keys)
        raise BackendError(f"export/artifacts.py has no writer for {target.backend}: please report this")

    def used_calibration(self) -> Calibration | None:
        """What the manifest says of the tiles that were used; None when nothing was calibrated."""
        if not self._tiles:
            return None
        sets = list(self._tiles.values())
        return Calibration(self.calibration.tiles, self.calibration.seed, sets[0].images)

    def _calibration(self, target: Target) -> CalibrationSet:
        if target.tile not in self._tiles:
            self.say(f"choosing calibration tiles of {target.tile[0]}x{target.tile[1]}")
            found = calibration_set(self.model.scale, target.tile, self.calibration)
            for warning in found.warnings:
                self.say(f"warning: {warning}")
            self._tiles[target.tile] = found
        return self._tiles[target.tile]

    def _quantized(self, target: Target, graph: Any) -> Any:
        """The INT8 form of an ONNX graph."""
        import onnx

        from export.to_onnx import onnx_bytes

        with tempfile.TemporaryDirectory() as folder:
            source, result = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
            source.write_bytes(onnx_bytes(graph, None))
            tiles = self._write_tiles(target, Path(folder) / "tiles.npy")
            job = {"source": str(source), "target": str(result), "tiles": str(tiles)}
            run_job("export.quantize_onnxruntime", job, "ONNX Runtime could not quantize the graph", result)
            return onnx.load(result)

    def _write_tiles(self, target: Target, path: Path) -> Path | None:
        if not target.row.calibrated:
            return None
        np.save(path, self._calibration(target).tiles, allow_pickle=False)
        return path

    def _convert_coreml(self, name: str, target: Target, onnx: bytes, keys: Mapping[str, Any]) -> Written:
        from export.to_coreml import PackageOptions, convert_coreml, label

        path = self._place(f"coreml/{name}.mlpackage")
        options = PackageOptions(
            target.precision, target.tile, self.model.scale, target.image, target.deployment, self.source.name
        )
        with tempfile.TemporaryDirectory() as folder:
            graph, package = Path(folder) / "graph.onnx", Path(folder) / f"{name}.mlpackage"
            graph.write_bytes(onnx)
            convert_coreml(graph, package, options, label(options, _texts(keys), self.source.metadata))
            shutil.copytree(package, self.bundle / path)
        found = sorted((self.bundle / path).rglob("*"))
        return Written(path, tuple(str(item.relative_to(self.bundle).as_posix()) for item in found if item.is_file()))

    def _ports(self, target: Target) -> tuple[Port, Port]:
        """The artifact's input and output."""
        height, width = target.tile
        scale = self.model.scale
        make = _picture if target.image else _port
        return make("lr", height, width), make("sr", height * scale, width * scale)

    def _place(self, path: str) -> str:
        (self.bundle / path).parent.mkdir(parents=True, exist_ok=True)
        return path

    def _keys(self, name: str, target: Target, proven: Proven) -> dict[str, Any]:
        """The manifest's keys that go inside the artifact."""
        ports = self._ports(target)
        return {
            "schema": SCHEMA,
            "id": name,
            "backend": target.backend,
            "precision": target.precision,
            "tile": list(target.tile),
            "scale": self.model.scale,
            "input": asdict(ports[0]),
            "output": asdict(ports[1]),
            "lowering": proven.result.lowering,
            "rewrites": list(proven.result.rewrites),
            "hints": dict(target.row.hints),
            "certificate": proven.certificate.as_json(),
            "source": asdict(self.source),
            "tools": dict(self.tools),
            "calibration_sha256": self._calibration(target).sha256 if target.row.calibrated else None,
        }


def _port(name: str, height: int, width: int) -> Port:
    return Port(name, "NCHW", "float32", RANGE, (1, 3, height, width))


def _picture(name: str, height: int, width: int) -> Port:
    return Port(name, PICTURE, "uint8", (0.0, 255.0), (1, 3, height, width))


def _texts(keys: Mapping[str, Any]) -> dict[str, str]:
    """rt_info holds text only: strings as they are, everything else as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for key, value in keys.items()}
