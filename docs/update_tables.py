"""Write the generated tables into README.md and docs/: `python docs/update_tables.py` (or `make docs`).

A table lies between `<!-- table: NAME -->` and `<!-- end of table -->`. Its figures come from the committed
files in benchmarks/results, its targets from export/targets.py; a test fails when they have drifted apart.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gates.int8_worth import int8_lines
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.latency import LatencyRecord, RatioRecord
from benchmarks.records.result_file import ResultFile, read_result
from benchmarks.report import inside_tables
from benchmarks.studies import file_sizes, rtx_kernels
from benchmarks.studies import int8_layer_scan as layer_scan
from benchmarks.studies import lowering_ablation as ablation
from benchmarks.studies import nncf_settings as openvino_study
from benchmarks.studies import tile_overlap as overlap_study
from benchmarks.studies import tile_sizes as shapes
from benchmarks.studies import training_speed as training_study
from dlgsanet.checkpoints import read_checkpoint, shipped_names
from dlgsanet.network.count import parameters
from export.targets.views import markdown_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (
    "README.md", "docs/tiling.md", "docs/export.md", "docs/checkpoints.md", "docs/training.md", "docs/lowerings.md",
    "docs/coreml.md", "docs/precision.md", "docs/tensorrt.md",
)  # fmt: skip
BLOCK = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
BASELINE = "torch-official"
TILING_ITSELF = "*reference, tiled against whole*"


def results(pattern: str) -> list[ResultFile]:
    """The committed result files whose name matches."""
    return [read_result(path) for path in sorted(RESULTS.glob(pattern))]


def accuracy() -> str:
    """The shipped x4 networks in each format on Set5, for the front page."""
    return _accuracy([file for file in results("*-x4*check-Set5.json") if not _is_coreml(file)])


def accuracy_all() -> str:
    """Every artifact of the shipped networks against the reference and HR, on each data set."""
    return _accuracy([file for file in results("*-check-*.json") if not _is_coreml(file)])


def _is_coreml(file: ResultFile) -> bool:
    """Core ML has a table of its own in docs/coreml.md."""
    return any(record.artifact.startswith("coreml") for record in file.accuracy)


def _accuracy(files: Sequence[ResultFile]) -> str:
    lines = [
        "| artifact | images | PSNR, dB | SSIM | drop, dB: mean / worst image | dB to reference: mean / worst | gate |",
        "|---|---|---|---|---|---|---|",
    ]
    for file in files:
        lines += [_accuracy_row(record) for record in file.accuracy if not _is_repeated(record, file)]
    return "\n".join(lines)


def _is_repeated(record: AccuracyRecord, file: ResultFile) -> bool:
    """What tiling costs stands in the table once for each network: not again in TensorRT's files."""
    return record.artifact.startswith("torch-") and any(it.artifact.startswith("tensorrt") for it in file.accuracy)


def _accuracy_row(record: AccuracyRecord) -> str:
    tiling_itself = record.artifact.startswith("torch-reference")
    name = f"{record.model} {TILING_ITSELF if tiling_itself else record.artifact}"
    if record.device is not None and record.device.startswith("tensorrt-reference"):
        name += " (judged on a CPU)"
    if record.psnr_db is None or record.drop_db is None or record.worst_drop_db is None:
        return f"| {name} | {record.dataset} | not run here | | | | |"
    near = "identical"
    if record.to_reference_db is not None and record.to_reference_worst_db is not None:
        near = f"{record.to_reference_db:.1f} / {record.to_reference_worst_db:.1f}"
    drop = f"{_signless_zero(record.drop_db)} / {_signless_zero(record.worst_drop_db)}"
    return f"| {name} | {record.dataset} | {record.psnr_db:.2f} | {record.ssim:.4f} | {drop} | {near} | {record.gate} |"


def _signless_zero(decibels: float) -> str:
    """Four digits; a loss too small for them has no sign."""
    return f"{round(decibels, 4) + 0.0:.4f}"


def latency() -> str:
    """Time per tile of everything that ran in one interleaved run, and the ratio to the official form."""
    lines = [
        "| artifact | median, ms (95 % interval) | p95, ms | output MP/s | peak memory, MB | as fast as torch today |",
        "|---|---|---|---|---|---|",
    ]
    for file in results("nano-x4-bench-*.json"):
        ratios = {ratio.artifact: ratio for ratio in file.ratios if ratio.other.startswith(BASELINE)}
        inverse = {ratio.other: ratio for ratio in file.ratios if ratio.artifact.startswith(BASELINE)}
        lines += [_latency_row(record, ratios, inverse) for record in file.latency]
    return "\n".join(lines)


def _latency_row(record: LatencyRecord, ratios: Mapping[str, RatioRecord], inverse: Mapping[str, RatioRecord]) -> str:
    name = f"{record.model} {record.artifact}"
    if record.p50_ms is None or record.p95_ms is None:
        return f"| {name} | not run here | | | | |"
    if record.artifact in ratios:
        ratio = ratios[record.artifact]
        speed = f"{1 / ratio.ratio:.1f} ({1 / ratio.ratio_high:.1f} to {1 / ratio.ratio_low:.1f})"
    elif record.artifact in inverse:
        ratio = inverse[record.artifact]
        speed = f"{ratio.ratio:.1f} ({ratio.ratio_low:.1f} to {ratio.ratio_high:.1f})"
    else:
        speed = "1" if record.artifact.startswith(BASELINE) else ""
    memory = f"{record.peak_rss_mb:.0f}" if record.peak_rss_mb is not None else ""
    return (
        f"| {name} | {record.p50_ms:.1f} ({record.p50_low_ms:.1f} to {record.p50_high_ms:.1f}) | {record.p95_ms:.1f} "
        f"| {record.output_megapixels_per_s:.1f} | {memory} | {speed} |"
    )


def coreml() -> str:
    """Core ML packages on the interpreter, on each data set."""
    head = [
        "| package | images | PSNR, dB | SSIM | drop, dB: mean / worst image | dB to reference: mean / worst | gate |",
        "|---|---|---|---|---|---|---|",
    ]
    records = [record for file in results("coreml-check-*.json") for record in file.accuracy]
    return "\n".join(head + [_accuracy_row(it) for it in records if it.artifact.startswith("coreml")])


def tensorrt() -> str:
    """The files that TensorRT builds engines from, judged on a CPU, on each data set."""
    return _accuracy(results("*-tensorrt-check-*.json"))


def coreml_cards() -> str:
    """Sizes of the packages, and what their programs ask of the Neural Engine."""
    lines = [
        "| package | MB | of fp32's | weights, of fp32's | operators | leave the engine | memory for padding "
        "| moved by a tile, MB | fp16 range used |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(RESULTS.glob("coreml-cards-*.json")):
        packages = json.loads(path.read_text(encoding="utf-8"))
        full = next(package for name, package in packages.items() if name.startswith("coreml-fp32-"))
        for name, package in packages.items():
            if "-image-" in name:
                continue  # the same program with four operators more
            card, size = package["card"], package["package_bytes"]
            off = ", ".join(f"{count} ({why})" for why, count in card["off_engine"].items())
            lines.append(
                f"| {path.stem.removeprefix('coreml-cards-')} {name} | {size / 1e6:.2f} "
                f"| {size / full['package_bytes']:.2f} | {card['weight_bytes'] / full['card']['weight_bytes']:.2f} "
                f"| {card['operators']} | {off} | x{card['padding']:.2f} | {card['moved_bytes'] / 1e6:.0f} "
                f"| {100 * max(package['range_used'].values()):.2f} % |"
            )
    return "\n".join(lines)


def _contents(pattern: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob(pattern))]


def overlap() -> str:
    """What tiling costs, by tile and overlap."""
    rows = [overlap_study.Row(**row) for content in _contents("overlap-*.json") for row in content["rows"]]
    return overlap_study.table(rows)


def training_speed() -> str:
    """Images a second of a training step, in the plain and the fused form."""
    text = (RESULTS / "training-speed.json").read_text(encoding="utf-8")
    return training_study.table(training_study.read_rows(text))


def rtx_kernel_table() -> str:
    """What TensorRT-RTX makes of each lowering."""
    (content,) = _contents("rtx-kernels-tiny-x4.json")
    return rtx_kernels.table(content["rows"])


def weights() -> str:
    """The shipped checkpoints and their scores, from the files themselves."""
    lines = ["| name | parameters | Set5, PSNR / SSIM | B100, PSNR / SSIM | steps |", "|---|---|---|---|---|"]
    for name in shipped_names():
        checkpoint = read_checkpoint(name)
        facts = checkpoint.metadata
        link = f"[`{name}`](../dlgsanet/weights/{name}.md)"
        count = f"{parameters(checkpoint.config):,}"
        lines.append(f"| {link} | {count} | {facts['set5']} | {facts['b100']} | {facts['steps']} |")
    return "\n".join(lines)


def peers() -> str:
    """tiny x4 and everything that it is held against, timed in the same rounds."""
    (file,) = results("tiny-x4-bench-128.json")
    lines = ["| one 128x128 tile | median, ms (95 % interval) | x torch today | share of peak |", "|---|---|---|---|"]
    ratios = {it.artifact: (1 / it.ratio, 1 / it.ratio_high) for it in file.ratios if it.other.startswith(BASELINE)}
    ratios |= {it.other: (it.ratio, it.ratio_low) for it in file.ratios if it.artifact.startswith(BASELINE)}
    for record in file.latency:
        if record.p50_ms is None:
            lines.append(f"| {record.artifact} | not run here | | |")
            continue
        speed = "{:.2f} (at least {:.2f})".format(*ratios[record.artifact]) if record.artifact in ratios else "1"
        share = "" if record.peak_share is None else f"{100 * record.peak_share:.0f} %"
        interval = f"{record.p50_ms:.1f} ({record.p50_low_ms:.1f} to {record.p50_high_ms:.1f})"
        lines.append(f"| {record.artifact} | {interval} | {speed} | {share} |")
    limits = ", ".join(f"{it.name} {it.per_second / 1e9:.0f} G{it.unit}/s" for it in file.limits)
    return "\n".join([*lines, "", f"Limits on {file.environment.machine}: {limits}."])


def tiles() -> str:
    """Time and memory of every tile that was benched, and how they grow."""
    (file,) = results("tiny-x4-tiles.json")
    return shapes.table(file.latency) + "\n\n" + shapes.growth_table(file.latency)


def basis_rank() -> str:
    """What smaller bases cost and gain."""
    (content,) = _contents("basis-rank-nano-x4.json")
    lines = [
        "| `--basis-rank` | rank per block | energy lost, most | drop, dB (calibration / other images) | ms "
        "| of the full basis' time |",
        "|---|---|---|---|---|---|",
    ]
    for row in content["rows"]:
        ranks = ", ".join(str(rank) for rank in row["ranks"])
        drop = f"{_signless_zero(row['calibration_drop_db'])} / {_signless_zero(row['drop_db'])}"
        time = f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
        asked = row["asked"] or "none"
        lines.append(f"| {asked} | {ranks} | {max(row['lost']):.1e} | {drop} | {row['p50_ms']:.1f} | {time} |")
    return "\n".join(lines)


def sizes() -> str:
    """Artifacts on disk."""
    (content,) = _contents("file-sizes.json")
    return file_sizes.table(content["rows"])


def worth() -> str:
    """What `bench` says of INT8 against 16 bits, and how each stands to its backend's fp32."""
    lines = []
    for file in results("*-x4-bench-128.json"):
        model = file.latency[0].model
        lines += [f"- {model} {line}" for line in int8_lines(file.latency, file.ratios)]
        for ratio in file.ratios:
            backend = ratio.artifact.partition("-")[0]
            if ratio.artifact == f"{backend}-fp32-128x128" and ratio.other.startswith(f"{backend}-int8"):
                low, high = ratio.ratio_low, ratio.ratio_high
                lines.append(
                    f"- {model} {ratio.other}: {ratio.ratio:.2f} [{low:.2f}, {high:.2f}] times as fast as fp32"
                )
    return "\n".join(lines)


def inside() -> ResultFile:
    """What `check --ladder --blocks` said of nano x4."""
    return results("nano-x4-inside.json")[0]


TABLES: Mapping[str, Callable[[], str]] = {
    "accuracy": accuracy,
    "accuracy-all": accuracy_all,
    "basis-rank": basis_rank,
    "blocks": lambda: inside_tables.blocks(inside()),
    "coreml": coreml,
    "coreml-cards": coreml_cards,
    "int8-choices": lambda: layer_scan.candidates_table(_contents("int8-layers-*.json")),
    "int8-layers": lambda: layer_scan.roles_table(_contents("int8-layers-*.json")),
    "int8-trials": lambda: openvino_study.table(_contents("nncf-*.json")),
    "ladder": lambda: inside_tables.ladder(inside()),
    "latency": latency,
    "lowerings": lambda: ablation.table(ablation.read_ablation(RESULTS / "ablation-lowerings-tiny-x4.json")),
    "overlap": overlap,
    "passes": lambda: ablation.table(ablation.read_ablation(RESULTS / "ablation-passes-tiny-x4.json")),
    "peers": peers,
    "rtx-kernels": rtx_kernel_table,
    "sizes": sizes,
    "targets": markdown_table,
    "tensorrt": tensorrt,
    "tiles": tiles,
    "training-speed": training_speed,
    "weights": weights,
    "worth": worth,
    "work": lambda: inside_tables.work(inside()),
}


def updated(text: str) -> str:
    """A page with its tables made anew; KeyError for a table that does not exist."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}\n{block[3]}", text)


def main() -> None:
    """Rewrite the pages that changed and name them."""
    for name in PAGES:
        page = ROOT / name
        before = page.read_text(encoding="utf-8")
        if (after := updated(before)) != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"updated {name}\n")


if __name__ == "__main__":
    main()
