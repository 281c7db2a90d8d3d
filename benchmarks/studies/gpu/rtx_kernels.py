"""Kernels that TensorRT-RTX makes of each lowering, counted without a GPU.

`python -m benchmarks.studies.gpu.rtx_kernels MODEL -o FILE`. The result is committed, and a table in
docs/studies/lowerings.md is made from it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.checkpoints import load_model
from dlgsanet.errors import BackendError
from dlgsanet.network.model import DLGSANet
from export.backends.tensorrt.entry import MORE_KERNELS
from export.backends.tensorrt.half_precision import fp32_islands, to_half
from export.graph.graph import Graph
from export.targets.row import BASIS, BASIS_FUSED, BASIS_GROUPED, BY_ROWS, SHIFT
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph
from runtimes.backends.tensorrt.compiling.compile import CompileJob, compile_engine
from runtimes.backends.tensorrt.layers import KernelTable
from runtimes.file_formats.markdown import markdown_table

TIMEOUT_S = 600.0
VARIANTS = (
    Variant(f"{BASIS_FUSED} without {', '.join(MORE_KERNELS)}", BASIS_FUSED, MORE_KERNELS),
    Variant(f"{BASIS_FUSED} without {', '.join(MORE_KERNELS[:2])}", BASIS_FUSED, MORE_KERNELS[:2]),
    Variant(f"{BASIS_FUSED} without {MORE_KERNELS[1]}", BASIS_FUSED, MORE_KERNELS[1:2]),
    *(Variant(f"{name}, all passes", name) for name in (BASIS_FUSED, BASIS_GROUPED, BY_ROWS, SHIFT, BASIS)),
)


@dataclass(frozen=True)
class CompiledRow:
    """One variant: what its compiler made of it and what that took, or the `reason` why there is no graph.

    `kernels` as `KernelTable.as_json` has them.
    """

    variant: str
    precision: str
    sm: str
    version: str | None = None
    onnx_nodes: int | None = None
    engine_bytes: int | None = None
    seconds: float | None = None
    peak_mb: int | None = None
    kernels: Mapping[str, object] | None = None
    reason: str = ""


@dataclass(frozen=True)
class RtxKernels(StudyFile):
    """The study's file; `tile` is (H, W) in LR pixels."""

    model: str
    tile: tuple[int, int]
    environment: Environment
    rows: tuple[CompiledRow, ...]


def compiled_rows(model: DLGSANet, tile: tuple[int, int], sm: str, precision: str) -> list[CompiledRow]:
    """One row for each variant at a tile (H, W); graphs are fp32 as built, or typed fp16. Nothing is proven here."""
    target = Target("onnxruntime", "fp32", tile)  # a row that leaves no pass out by itself
    rows = []
    for variant in VARIANTS:
        typer.echo(variant.name, err=True)
        graph = build_graph(model, target, variant)
        known = CompiledRow(variant.name, precision, sm)
        try:
            made = Graph(to_half(graph.model, fp32_islands(graph.model))) if precision == "fp16" else graph
        except BackendError as error:  # a sum of squares as a convolution has an epsilon that fp16 cannot hold
            rows.append(replace(known, reason=str(error)))
            continue
        with tempfile.TemporaryDirectory() as folder:
            source, engine = Path(folder) / "graph.onnx", Path(folder) / "engine"
            source.write_bytes(made.data)
            compile_job = CompileJob("tensorrt_rtx", str(source), str(engine), sm=sm)
            compiled = compile_engine(compile_job, TIMEOUT_S, lambda step: None)
            size = engine.stat().st_size
        assert compiled.table is not None
        rows.append(
            replace(
                known,
                version=compiled.version,
                onnx_nodes=made.nodes,
                engine_bytes=size,
                seconds=compiled.seconds,
                peak_mb=round(compiled.peak_mb),
                kernels=compiled.table.as_json(),
            )
        )
    return rows


def table(rows: Sequence[CompiledRow]) -> str:
    """The rows in Markdown."""
    head = (
        "lowering", "precision", "kernels", "of these convolutions + products + generated", "waits + signals",
        "activations, MB", "weights, MB", "engine, MB", "build, s",
    )  # fmt: skip
    return markdown_table(head, [_cells(row) for row in rows])


def _cells(row: CompiledRow) -> tuple[str, ...]:
    if row.kernels is None:
        return row.variant, row.precision, "no graph in this precision"
    kernels = KernelTable.from_json(row.kernels)
    convolutions = sum(kernels.dense.values()) + sum(kernels.grouped.values())
    products = sum(count for name, count in kernels.kernels.items() if name.startswith("gemm"))
    rest = kernels.total - convolutions - products
    sizes = (kernels.activation_bytes or 0, kernels.weight_bytes or 0, row.engine_bytes or 0)
    return (
        row.variant, row.precision, str(kernels.total), f"{convolutions} + {products} + {rest}",
        str(kernels.waits + kernels.signals), *(f"{size / 1e6:.1f}" for size in sizes), f"{row.seconds or 0.0:.1f}",
    )  # fmt: skip


def main(
    model: Annotated[str, typer.Argument(help="Shipped name or checkpoint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    precision: Annotated[list[str] | None, typer.Option(help="fp32 or fp16; may be repeated.")] = None,
    tile: Annotated[int, typer.Option(help="Side of the tile in LR pixels.")] = 128,
    sm: Annotated[str, typer.Option(help="Compute capability: sm86, sm89, sm120...")] = "sm86",
) -> None:
    """Compile every lowering with TensorRT-RTX and count its kernels."""
    rows: list[CompiledRow] = []
    for each in precision or ("fp32", "fp16"):
        rows += compiled_rows(load_model(model), (tile, tile), sm, each)
    write_study(output, RtxKernels(Path(model).stem, (tile, tile), describe_environment(), tuple(rows)))
    typer.echo(table(rows))


if __name__ == "__main__":
    run_study(main)
