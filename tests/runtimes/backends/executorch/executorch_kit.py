"""Small networks as ExecuTorch artifacts of a bundle. That of the probe is in the package, so nothing compiles."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from runtimes.backends.executorch.probe import FILE
from runtimes.bundle.manifest import Artifact, read_manifest

NAME = "executorch-fp32-8x8"
TINY = FILE.read_bytes()
TINY_COREML = (Path(__file__).parent / "tiny_coreml.pte").read_bytes()
"""The same network for Core ML in fp16, as `lower` makes it for iOS 17."""

LEFT_COREML = (Path(__file__).parent / "left_coreml.pte").read_bytes()
"""The same, made with a partitioner that was told to leave the pixel shuffle to the processor."""

TINY_VULKAN = (Path(__file__).parent / "tiny_vulkan.pte").read_bytes()
"""The same network for Vulkan in fp16, as `lower` makes it."""


def add_artifact(
    bundle: Path,
    kit: Any,
    data: bytes = TINY,
    tile: tuple[int, int] = (8, 8),
    precision: str = "fp32",
    backend: str = "executorch",
) -> Artifact:
    """Write it into a bundle, beside what is there."""
    (bundle / "executorch").mkdir(exist_ok=True)
    path = f"executorch/{precision}.pte"
    (bundle / path).write_bytes(data)
    plain: Artifact = kit.artifact(backend, precision, tile, path, {path: kit.sha(data)})
    made = replace(plain, hints={})
    kit.write(bundle, kit.manifest([*read_manifest(bundle).artifacts, made]))
    return made


@cache
def compiled(model: bytes) -> bytes:
    """A network (ONNX) as a program, which takes seconds; the test is skipped without ExecuTorch's compiler."""
    pytest.importorskip("executorch.exir", reason="needs the extra executorch")
    from export.backends.executorch.lower import Delegate, lower

    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "net.onnx", Path(folder) / "net.pte"
        source.write_bytes(model)
        lower(source, program, Delegate())
        return program.read_bytes()
