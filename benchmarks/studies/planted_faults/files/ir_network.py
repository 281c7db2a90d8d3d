"""OpenVINO's IR: constants changed where they lie in the .bin; a tail spliced in by OpenVINO itself."""

from __future__ import annotations

import importlib
import tempfile
import xml.etree.ElementTree as Xml
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from benchmarks.studies.planted_faults.fault import Changed, Values
from benchmarks.studies.planted_faults.files.tracing import FileStep, NetworkFile, as_stored
from runtimes.bundle.manifest import Artifact

TYPES = {"f32": "<f4", "f16": "<f2", "i8": "i1", "u8": "u1", "i32": "<i4", "i64": "<i8"}


class IrNetwork(NetworkFile):
    """The two files of an artifact."""

    def __init__(self, bundle: Path, artifact: Artifact) -> None:
        self._path = artifact.path
        self._weights = str(PurePosixPath(artifact.path).with_suffix(".bin"))
        self._xml = (bundle / self._path).read_bytes()
        self._bin = (bundle / self._weights).read_bytes()
        root = Xml.fromstring(self._xml)
        layers = {it.attrib["id"]: it for it in root.iterfind("layers/layer")}
        sources: dict[str, dict[int, str]] = {}
        for edge in root.iterfind("edges/edge"):
            into = sources.setdefault(edge.attrib["to-layer"], {})
            into[int(edge.attrib["to-port"])] = edge.attrib["from-layer"]
        self._places: dict[str, int] = {}
        self.constants = {
            key: self._constant(key, it.find("data")) for key, it in layers.items() if it.attrib["type"] == "Const"
        }
        self.steps = tuple(
            FileStep(it.attrib["type"], tuple(name for _, name in sorted(sources.get(key, {}).items())), (key,))
            for key, it in layers.items()
            if key not in self.constants
        )

    def _constant(self, key: str, data: Xml.Element | None) -> Values:
        assert data is not None
        place, size = int(data.attrib["offset"]), int(data.attrib["size"])
        self._places[key] = place
        shape = [int(part) for part in data.attrib["shape"].split(",") if part.strip()]
        kind = np.dtype(TYPES.get(data.attrib["element_type"], "u1"))
        held = np.frombuffer(self._bin, kind, size // kind.itemsize, place)
        return held.reshape(shape) if held.size == np.prod(shape) else held

    def written(self, changed: Changed) -> dict[str, bytes]:
        held = bytearray(self._bin)
        for key, values in changed.items():
            data = as_stored(values, self.constants[key]).tobytes()
            held[self._places[key] : self._places[key] + len(data)] = data
        return {self._path: self._xml, self._weights: bytes(held)}

    def with_tail(self, tail: Any) -> dict[str, bytes]:
        """The files with an ONNX model (lr, sr -> out) behind the network's output."""
        openvino = importlib.import_module("openvino")
        core = openvino.Core()
        network = core.read_model(self._xml, self._bin)
        behind = core.read_model(tail.SerializeToString(), b"")
        source, port = network.results[0].input(0).get_source_output(), network.inputs[0]
        names = network.outputs[0].get_names()
        for parameter in behind.get_parameters():
            kept = port if "lr" in parameter.output(0).get_names() else source
            for reader in parameter.output(0).get_target_inputs():
                reader.replace_source_output(kept)
        made = behind.get_results()[0].input(0).get_source_output()
        source.get_tensor().set_names({"clean"})
        made.get_tensor().set_names(names)
        network.get_results()[0].input(0).replace_source_output(made)
        network.validate_nodes_and_infer_types()
        with tempfile.TemporaryDirectory() as folder:
            xml = Path(folder) / "network.xml"
            openvino.serialize(network, xml)
            return {self._path: xml.read_bytes(), self._weights: xml.with_suffix(".bin").read_bytes()}
