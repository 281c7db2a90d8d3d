"""How large artifacts are on disk: `python -m benchmarks.studies.file_sizes BUNDLE... -o FILE`.

Keeps the sizes for the table in docs/studies/precision.md. OpenVINO has its weights in a file of their own; in an ONNX
file they are counted by their types, since graph and weights share the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.schema1 import identity
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import InputError
from runtimes.bundle.integrity import stored_bytes
from runtimes.bundle.manifest import Artifact, read_manifest
from runtimes.file_formats.markdown import markdown_table
from runtimes.file_formats.onnx_file import read_facts

BACKENDS = ("onnxruntime", "openvino")
_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1, "fp64": 8}


@dataclass(frozen=True)
class SizeRow:
    """One artifact: bytes of its weights, and of all its files."""

    model: str
    artifact: str
    weights: int
    all: int


@dataclass(frozen=True)
class FileSizes(StudyFile):
    """The study's file."""

    rows: tuple[SizeRow, ...]


def sizes(bundle: Path) -> list[SizeRow]:
    """A row for each artifact of BACKENDS: bytes of its weights and of all its files. Raises InputError where there is
    none."""
    manifest = read_manifest(bundle)
    rows = [
        SizeRow(manifest.source.name, artifact.id, _weights(bundle, artifact), stored_bytes(bundle, artifact.files))
        for artifact in manifest.artifacts
        if artifact.backend in BACKENDS
    ]
    if not rows:
        raise InputError(f"expected artifacts of {' or '.join(BACKENDS)} in '{bundle}', found none: export it with one")
    return rows


def table(rows: Sequence[SizeRow]) -> str:
    """A line for each artifact, against the fp32 one of its backend where there is one."""
    lines = []
    for row in rows:
        full = [it for it in rows if it.model == row.model and it.artifact.startswith(_full(row.artifact))]
        share = f"{row.weights / full[0].weights:.2f}" if full else ""
        sizes = (f"{row.weights / 1e6:.2f}", share, f"{row.all / 1e6:.2f}")
        lines.append((f"{row.model} {row.artifact}", *sizes))
    return markdown_table(("artifact", "weights, MB", "of fp32's", "with the graph, MB"), lines)


def _full(artifact: str) -> str:
    _, backend = identity(artifact)
    return f"{backend}-fp32-"


def _weights(bundle: Path, artifact: Artifact) -> int:
    if artifact.backend == "openvino":
        return stored_bytes(bundle, (path for path in artifact.files if path.endswith(".bin")))
    held = read_facts((bundle / artifact.path).read_bytes()).weights
    return sum(_BYTES[kind] * count for kind, count in held.items())


def main(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles to look at.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
) -> None:
    """Keep how large the artifacts are."""
    write_study(output, FileSizes(tuple(row for bundle in bundles for row in sizes(bundle))))


if __name__ == "__main__":
    run_study(main)
