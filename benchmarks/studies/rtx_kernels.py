"""Kernels that TensorRT-RTX makes of each lowering, counted without a GPU.

`python -m benchmarks.studies.rtx_kernels MODEL -o FILE`. The result is committed, and a table in docs/lowerings.md is
made from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.records.environment import describe_environment
from benchmarks.studies.room_job import ask
from dlgsanet.storage.atomic import write_text
from runtimes.backends.tensorrt.layers import KernelTable

SCHEMA = 1


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| lowering | precision | kernels | of these convolutions + products + generated | waits + signals "
        "| activations, MB | weights, MB | engine, MB | build, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "kernels" not in row:
            lines.append(f"| {row['variant']} | {row['precision']} | no graph in this precision | | | | | | |")
            continue
        kernels = KernelTable.from_json(row["kernels"])
        convolutions = sum(kernels.dense.values()) + sum(kernels.grouped.values())
        products = sum(count for name, count in kernels.kernels.items() if name.startswith("gemm"))
        rest = kernels.total - convolutions - products
        sizes = (kernels.activation_bytes or 0, kernels.weight_bytes or 0, row["engine_bytes"])
        shown = " | ".join(f"{size / 1e6:.1f}" for size in sizes)
        lines.append(
            f"| {row['variant']} | {row['precision']} | {kernels.total} | {convolutions} + {products} + {rest} "
            f"| {kernels.waits + kernels.signals} | {shown} | {row['seconds']:.1f} |"
        )
    return "\n".join(lines)


def main(
    model: Annotated[str, typer.Argument(help="Shipped name or checkpoint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    precision: Annotated[list[str] | None, typer.Option(help="fp32 or fp16; may be repeated.")] = None,
    tile: Annotated[int, typer.Option(help="Side of the tile in LR pixels.")] = 128,
    sm: Annotated[str, typer.Option(help="Compute capability: sm86, sm89, sm120...")] = "sm86",
) -> None:
    """Compile every lowering with TensorRT-RTX and count its kernels."""
    rows: list[dict[str, Any]] = []
    for each in precision or ("fp32", "fp16"):
        rows += ask(
            "benchmarks.studies.rtx_compiles", {"model": model, "tile": [tile, tile], "sm": sm, "precision": each}
        )
    environment = asdict(describe_environment())
    content = {
        "schema": SCHEMA,
        "model": Path(model).stem,
        "tile": [tile, tile],
        "environment": environment,
        "rows": rows,
    }
    write_text(output, json.dumps(content, indent=1) + "\n")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
