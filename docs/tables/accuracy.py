"""Tables of accuracy: every artifact of the shipped networks against the reference and against HR."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.result_file import ResultFile
from benchmarks.report.terminal import number
from docs.tables.results import network, results
from runtimes.file_formats.markdown import markdown_table

TILING_ITSELF = "*reference, tiled against whole*"
COLUMNS = ("images", "PSNR, dB", "SSIM", "drop, dB: mean / worst image", "dB to reference: mean / worst", "gate")


def accuracy() -> str:
    """The shipped x4 networks in each format on Set5."""
    return _accuracy([file for file in results("*-x4*check-Set5.json") if not _is_coreml(file)])


def accuracy_all() -> str:
    """Every artifact of the shipped networks on each data set."""
    return _accuracy([file for file in results("*-check-*.json") if not _is_coreml(file)])


def others() -> str:
    """Networks of other people, with their authors' weights, on each data set."""
    return _accuracy(results("others/*-check-*.json"))


def tensorrt() -> str:
    """The files that TensorRT builds engines from, judged on a CPU, on each data set."""
    return _accuracy(results("*-tensorrt-check-*.json"))


def accuracy_row(record: AccuracyRecord) -> tuple[str, ...]:
    """One artifact on one data set, for `COLUMNS` behind its name."""
    tiling_itself = record.role == "reference"
    name = f"{network(record)} {TILING_ITSELF if tiling_itself else record.artifact}"
    if record.device is not None and record.device.startswith("tensorrt-reference"):
        name += " (judged on a CPU)"
    if record.psnr_db is None or record.drop_db is None or record.worst_drop_db is None:
        return name, record.dataset, "not run here"
    near = "identical"
    if record.to_reference_db is not None and record.to_reference_worst_db is not None:
        near = f"{record.to_reference_db:.1f} / {record.to_reference_worst_db:.1f}"
    drop = f"{number(record.drop_db, '.4f')} / {number(record.worst_drop_db, '.4f')}"
    return name, record.dataset, f"{record.psnr_db:.2f}", f"{record.ssim:.4f}", drop, near, record.gate


def _is_coreml(file: ResultFile) -> bool:
    """Core ML has tables of its own."""
    return any(record.backend == "coreml" for record in file.of(AccuracyRecord))


def _accuracy(files: Sequence[ResultFile]) -> str:
    rows, tiled = [], set[tuple[str | None, str]]()
    for file in files:
        for record in file.of(AccuracyRecord):
            on = (record.model_sha256, record.protocol)
            if record.is_artifact or not (_is_tensorrt(file) or on in tiled):
                rows.append(accuracy_row(record))
            if not record.is_artifact:
                tiled.add(on)
    return markdown_table(("artifact", *COLUMNS), rows)


def _is_tensorrt(file: ResultFile) -> bool:
    """What tiling costs stands in a table once for each network and set of images: not again in TensorRT's files."""
    return any(record.backend == "tensorrt" for record in file.of(AccuracyRecord))
