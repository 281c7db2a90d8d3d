"""An ONNX file: ONNX Runtime's, or one that a TensorRT engine is built from."""

from __future__ import annotations

import importlib
from pathlib import Path

from benchmarks.studies.planted_faults.fault import Changed
from benchmarks.studies.planted_faults.files.tracing import FileStep, NetworkFile, as_stored
from runtimes.bundle.manifest import Artifact


class OnnxNetwork(NetworkFile):
    """`path` is one of the artifact's files."""

    def __init__(self, bundle: Path, artifact: Artifact, path: str) -> None:
        onnx, helper = importlib.import_module("onnx"), importlib.import_module("onnx.numpy_helper")
        self._path = path
        self.model = onnx.load_from_string((bundle / path).read_bytes())
        graph = self.model.graph
        self.constants = {it.name: helper.to_array(it) for it in graph.initializer}
        self.steps = tuple(FileStep(it.op_type, tuple(it.input), tuple(it.output)) for it in graph.node)

    def written(self, changed: Changed) -> dict[str, bytes]:
        helper = importlib.import_module("onnx.numpy_helper")
        for tensor in self.model.graph.initializer:
            if tensor.name in changed:
                kept = as_stored(changed[tensor.name], self.constants[tensor.name])
                tensor.CopyFrom(helper.from_array(kept, tensor.name))
        return {self._path: self.model.SerializeToString()}
