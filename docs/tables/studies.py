"""Tables of the studies, each made by the study that measured it."""

from __future__ import annotations

from benchmarks.records.latency import LatencyRecord
from benchmarks.records.result_file import ResultFile
from benchmarks.studies import (
    file_sizes,
    int8_layer_scan,
    lowering_ablation,
    nncf_settings,
    rtx_kernels,
    tile_overlap,
    tile_sizes,
    training_speed,
)
from docs.tables.results import RESULTS, contents, results, signless_zero
from runtimes.file_formats.markdown import markdown_table


def lowerings() -> str:
    """Forms of the dynamic convolution."""
    return lowering_ablation.table(lowering_ablation.read_ablation(RESULTS / "ablation-lowerings-tiny-x4.json"))


def passes() -> str:
    """Every rewriting pass left out."""
    return lowering_ablation.table(lowering_ablation.read_ablation(RESULTS / "ablation-passes-tiny-x4.json"))


def int8_layers() -> str:
    """What each kind of layer loses and gains in INT8."""
    return int8_layer_scan.roles_table(contents("int8-layers-*.json"))


def int8_choices() -> str:
    """The sets of layers that the searches ended with."""
    return int8_layer_scan.candidates_table(contents("int8-layers-*.json"))


def int8_trials() -> str:
    """Other settings of NNCF."""
    return nncf_settings.table(contents("nncf-*.json"))


def overlap() -> str:
    """What tiling costs, by tile and overlap."""
    return tile_overlap.table([tile_overlap.Row(**row) for it in contents("overlap-*.json") for row in it["rows"]])


def training() -> str:
    """Images a second of a training step, in the plain and the fused form."""
    text = (RESULTS / "training-speed.json").read_text(encoding="utf-8")
    return training_speed.table(training_speed.read_rows(text))


def rtx() -> str:
    """What TensorRT-RTX makes of each lowering."""
    (content,) = contents("rtx-kernels-tiny-x4.json")
    return rtx_kernels.table(content["rows"])


def tiles() -> str:
    """Time and memory of every tile that was benched, and how they grow."""
    (file,) = results("tiny-x4-tiles.json")
    return tile_sizes.table(file.of(LatencyRecord)) + "\n\n" + tile_sizes.growth_table(file.of(LatencyRecord))


def sizes() -> str:
    """Artifacts on disk."""
    (content,) = contents("file-sizes.json")
    return file_sizes.table(content["rows"])


def inside() -> ResultFile:
    """What `check --ladder --blocks` said of nano x4."""
    return results("nano-x4-inside.json")[0]


def basis_rank() -> str:
    """What smaller bases cost and gain."""
    (content,) = contents("basis-rank-nano-x4.json")
    head = (
        "`--basis-rank`", "rank per block", "energy lost, most", "drop, dB (calibration / other images)", "ms",
        "of the full basis' time",
    )  # fmt: skip
    rows = []
    for row in content["rows"]:
        ranks = ", ".join(str(rank) for rank in row["ranks"])
        drop = f"{signless_zero(row['calibration_drop_db'])} / {signless_zero(row['drop_db'])}"
        time = f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
        lost = f"{max(row['lost']):.1e}"
        rows.append((str(row["asked"] or "none"), ranks, lost, drop, f"{row['p50_ms']:.1f}", time))
    return markdown_table(head, rows)
