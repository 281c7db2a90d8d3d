"""INT8 for LiteRT: ONNX Runtime's ranges, and candidates for a search written as `.tflite` files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx

from export.backends.litert.translate import FileForm, program_bytes
from export.graph.graph import Graph
from export.quantization.calibrated_graph import Quantizer
from export.quantization.onnx_qdq import FUSED, OnnxRuntimeMaker


class LiteRtMaker(OnnxRuntimeMaker):
    """`export.quantization.calibrated_graph.Maker` of `.tflite` files."""

    def write(self, place: Path, chosen: Collection[str]) -> tuple[Path, ...]:
        path = place.with_suffix(".tflite")
        path.write_bytes(program_bytes(self.graph(place, chosen), FileForm()))
        return (path,)

    def graph(self, place: Path, chosen: Collection[str]) -> Graph:
        """The graph with Q/DQ pairs around these layers; its file is written at `place`."""
        return Graph(onnx.load(super().write(place, chosen)[0]))


WHOLE = Quantizer(FUSED.name, FUSED.module, FUSED.suffix, LiteRtMaker)
"""It calibrates as ONNX Runtime's does, so that both learn from one calibration."""
