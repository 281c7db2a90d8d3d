"""The README's small table, and the list of shipped weights."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.latency import LatencyRecord
from benchmarks.records.result_file import ResultFile
from dlgsanet.checkpoints import read_checkpoint, shipped_names
from dlgsanet.network.count import parameters
from docs.tables.results import BASELINE, results
from runtimes.file_formats.markdown import markdown_table

TILE = "128x128"
MODELS = ("nano-x4", "tiny-x4")
TARGETS = {"openvino-fp32": "OpenVINO fp32", "openvino-bf16": "OpenVINO bf16"}
PEER_RUN = "tiny-x4"
PEERS = {
    "swinir-light-openvino-fp32": ("SwinIR-light", "OpenVINO fp32", "32.44 (published)"),
    "swinir-light-openvino-bf16": ("SwinIR-light", "OpenVINO bf16", "not judged"),
    "bicubic": ("bicubic", "NumPy", "28.43"),
}
"""Network, form and PSNR: what these rows cannot take from our results. SwinIR's is from its paper (Liang et al.,
2021); tests/dlgsanet/test_metrics.py holds bicubic's."""


def front_page() -> str:
    """Accuracy and time of the shipped x4 networks and of others."""
    rows = [row for model in MODELS for row in _ours(model)]
    (file,) = _bench(PEER_RUN)
    times = _times(file)
    rows += [(*words, times[f"{peer}-{TILE}"]) for peer, words in PEERS.items()]
    return markdown_table(("network", "runs as", "PSNR, dB", "ms a tile"), rows)


def weights() -> str:
    """The shipped checkpoints and their scores, from the files themselves."""
    rows = []
    for name in shipped_names():
        checkpoint = read_checkpoint(name)
        facts = checkpoint.metadata
        link = f"[`{name}`](../../dlgsanet/weights/{name}.md)"
        rows.append((link, f"{parameters(checkpoint.config):,}", facts["set5"], facts["b100"], facts["steps"]))
    return markdown_table(("name", "parameters", "Set5, PSNR / SSIM", "B100, PSNR / SSIM", "steps"), rows)


def _ours(model: str) -> Iterator[tuple[str, ...]]:
    (file,) = _bench(model)
    times = _times(file)
    (check,) = results(f"{model}-check-Set5.json")
    decibels = {it.artifact: f"{it.psnr_db:.2f}" for it in check.of(AccuracyRecord) if it.psnr_db is not None}
    yield model, "torch, official form", decibels[f"torch-reference-{TILE}"], times[f"{BASELINE}-{TILE}"]
    for target, words in TARGETS.items():
        yield model, words, decibels[f"{target}-{TILE}"], times[f"{target}-{TILE}"]


def _bench(model: str) -> list[ResultFile]:
    return results(f"{model}-bench-128.json")


def _times(file: ResultFile) -> dict[str, str]:
    return {it.artifact: f"{it.p50_ms:.1f}" for it in file.of(LatencyRecord) if it.p50_ms is not None}
