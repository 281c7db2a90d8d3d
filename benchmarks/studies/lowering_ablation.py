"""What each rewriting pass and each lowering is worth: `python -m benchmarks.studies.lowering_ablation MODEL -o FILE`.

All variants of a target take turns in the same rounds; the ratio to the graph with all passes is of paired
samples. Nothing is proven here: the passes' proofs are their tests and the certificate of every export. The result is
committed, and the tables in docs/studies/lowerings.md are made from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.statistics import median_interval, ratio_interval
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.checkpoints import load_model
from dlgsanet.errors import BackendError, UnavailableError
from dlgsanet.network.model import DLGSANet
from export.graph.cost import graph_macs
from export.graph.graph import Graph
from export.rewriting.passes.factor_filters import FACTOR_FILTERS
from export.rewriting.passes.mean_colour import FOLD_INPUT_MEAN
from export.rewriting.rewrite import passes_for
from export.targets.choice import parse_targets
from export.targets.row import LOWERINGS
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph, time_graphs
from runtimes.file_formats.markdown import markdown_table

TARGETS = ("openvino-fp32", "openvino-bf16", "onnxruntime-fp32")
Kind = Literal["passes", "lowerings"]
ALL = "all passes"


@dataclass(frozen=True)
class AblationRow:
    """One variant on one target. `ratio`: its time over that of the first variant of the target, paired.

    Without a graph or a device there are no times, and `reason` says why.
    """

    target: str
    variant: str
    lowering: str
    onnx_nodes: int | None = None
    macs: int | None = None
    p50_ms: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Ablation(StudyFile):
    """The content of a result file; `tile` is (H, W) in LR pixels."""

    kind: Kind
    model: str
    tile: tuple[int, int]
    threads: int
    runs: int
    environment: Environment
    rows: tuple[AblationRow, ...]


def pass_variants(target: Target) -> tuple[Variant, ...]:
    """All passes of the target, and for each all but it (what needs it is then refused as well)."""
    idle = (FOLD_INPUT_MEAN, FACTOR_FILTERS)  # they do nothing here
    left_out = [step.name for step in passes_for(target) if step not in idle]
    lowering = target.row.lowering
    return (Variant(ALL, lowering), *(Variant(f"without {name}", lowering, (name,)) for name in left_out))


def lowering_variants(lowerings: Sequence[str] = LOWERINGS) -> tuple[Variant, ...]:
    """Every form of the dynamic convolution with all passes."""
    return tuple(Variant(name, name) for name in lowerings)


def measure(
    model: DLGSANet, target: Target, variants: Sequence[Variant], runs: int, threads: int | None
) -> list[dict[str, Any]]:
    """One row for each variant: nodes, multiply-adds and times in ms, or why there is no graph."""
    graphs: dict[str, Graph] = {}
    rows: list[dict[str, Any]] = []
    for variant in variants:
        row: dict[str, Any] = {"target": target.row.name, "variant": variant.name, "lowering": variant.lowering}
        try:
            graph = build_graph(model, target, variant)
        except BackendError as error:
            rows.append({**row, "reason": str(error)})
            continue
        graphs[variant.name] = graph
        rows.append({**row, "onnx_nodes": graph.nodes, "macs": graph_macs(graph)})
    try:
        samples = time_graphs(
            graphs, target, model.scale, runs=runs, threads=threads, say=lambda step: typer.echo(step, err=True)
        )
    except UnavailableError as error:
        return [{**row, "reason": str(error)} for row in rows]
    return [{**row, "samples_ms": samples[row["variant"]]} if row["variant"] in samples else row for row in rows]


def measured(
    model: DLGSANet, targets: Sequence[str], tile: tuple[int, int], kind: Kind, runs: int, threads: int | None
) -> list[dict[str, Any]]:
    """The rows of all targets, by name, at one tile (H, W)."""
    rows = []
    for row in parse_targets(targets, ()):
        target = Target(row.backend, row.precision, tile)
        variants = pass_variants(target) if kind == "passes" else lowering_variants()
        rows += measure(model, target, variants, runs, threads)
    return rows


def rows_of(answer: Sequence[Mapping[str, Any]]) -> list[AblationRow]:
    """Rows with medians and paired ratios from the raw samples."""
    first: dict[str, Sequence[float]] = {}
    rows = []
    for entry in answer:
        known = {key: value for key, value in entry.items() if key != "samples_ms"}
        samples = entry.get("samples_ms")
        if not samples:
            rows.append(AblationRow(**known))
            continue
        ratio = ratio_interval(samples, first.setdefault(entry["target"], samples))
        p50 = median_interval(samples).value
        rows.append(AblationRow(**known, p50_ms=p50, ratio=ratio.value, ratio_low=ratio.low, ratio_high=ratio.high))
    return rows


def table(result: Ablation) -> str:
    """The rows in Markdown, one line for each variant, one column for each target."""
    targets = list(dict.fromkeys(row.target for row in result.rows))
    rows = []
    for variant, count in Counter(row.variant for row in result.rows).items():
        mine = {row.target: row for row in result.rows if row.variant == variant}
        some = next(iter(mine.values()))
        assert count == len(mine)
        nodes = "" if some.onnx_nodes is None else str(some.onnx_nodes)
        macs = "" if some.macs is None else f"{some.macs / 1e9:.2f}"
        rows.append((variant, nodes, macs, *(_cell(mine.get(name)) for name in targets)))
    return markdown_table((result.kind, "ONNX nodes", "GMAC", *(f"{name}, ms" for name in targets)), rows)


def _cell(row: AblationRow | None) -> str:
    if row is None or row.p50_ms is None or row.ratio is None:
        return "no graph without it" if row is not None and row.onnx_nodes is None else "not run here"
    return f"{row.p50_ms:.1f} ({row.ratio:.2f} x)"


def main(
    model: Annotated[str, typer.Argument(help="Shipped name or checkpoint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    kind: Annotated[str, typer.Option(help="passes or lowerings.")] = "passes",
    target: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    tile: Annotated[int, typer.Option(help="Side of the tile in LR pixels.")] = 128,
    runs: Annotated[int, typer.Option(min=5, help="Rounds.")] = 9,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores if not given.")] = None,
) -> None:
    """Time every pass left out, or every lowering, on each target."""
    chosen: Kind = "lowerings" if kind == "lowerings" else "passes"
    environment = describe_environment()
    rows = rows_of(measured(load_model(model), target or TARGETS, (tile, tile), chosen, runs, threads))
    used = threads or environment.threads
    result = Ablation(chosen, Path(model).stem, (tile, tile), used, runs, environment, tuple(rows))
    write_study(output, result)
    typer.echo(table(result))


if __name__ == "__main__":
    run_study(main)
