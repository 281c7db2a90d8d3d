"""The tiny network as a LiteRT artifact of a bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtimes.bundle.manifest import Artifact, Port, read_manifest

NAME = "litert-fp32-16x16"


def tiny_tflite(kit: Any, **form: Any) -> bytes:
    """The tiny network of `tests/runtimes/conftest.py` in a form of `export.backends.litert.translate`."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("ai_edge_litert")
    from export.backends.litert.translate import FileForm, program_bytes
    from export.graph.graph import Graph

    return program_bytes(Graph(onnx.load_from_string(kit.onnx_bytes())), FileForm(**form))


def add_artifact(bundle: Path, kit: Any, data: bytes, precision: str = "fp32", image: bool = False) -> Artifact:
    """Write it into a bundle, beside what is there."""
    (bundle / "litert").mkdir(exist_ok=True)
    path = f"litert/{precision}.tflite"
    (bundle / path).write_bytes(data)
    plain = kit.artifact("litert", "fp32", kit.tile, path, {path: kit.sha(data)})
    sides = [(1, side * by, wide * by, 3) for by in (1, kit.scale) for side, wide in (kit.tile,)]
    ports = [
        Port(name, "NHWC pixels", "uint8", (0.0, 255.0), shape)
        if image
        else Port(name, "NHWC", "float32", (0.0, 1.0), shape)
        for name, shape in zip(("lr", "sr"), sides, strict=True)
    ]
    made = replace(
        plain,
        id=f"litert-{precision}-16x16",
        precision=precision,
        hints={},
        input=ports[0],
        output=ports[1],
    )
    kit.write(bundle, kit.manifest([*read_manifest(bundle).artifacts, made]))
    return made
