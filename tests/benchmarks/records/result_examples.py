"""Result files as two machines would write them, without measuring."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.latency.rounds import compare_all, timing
from benchmarks.records.accuracy import AccuracyRecord, DatasetNote, ImageRow
from benchmarks.records.environment import Environment
from benchmarks.records.latency import LatencyRecord
from benchmarks.records.pictures import Crop
from benchmarks.records.result_file import ResultFile, new_result
from benchmarks.records.schema1 import identity
from benchmarks.records.statistics import median_interval, percentile

SHA = "c" * 64
TILE = (128, 128)
PROTOCOL = "x4/y/b4/r8/bicubic-matlab8/t128x128+16/aaaaaaaa"
DESKTOP = Environment(
    project="0.1.0",
    machine="Desktop",
    cpu="Big CPU",
    cores=16,
    threads=8,
    instruction_sets=("avx2", "avx512f"),
    memory_gb=64.0,
    system="Debian GNU/Linux 12, kernel 6.1",
    architecture="x86_64",
    python="3.11.7",
    packages={"numpy": "2.4.6", "openvino": "2026.4.1"},
    load_average=0.2,
)
BOARD = replace(DESKTOP, machine="Board", cpu="Small CPU", threads=4, cores=4, packages={"numpy": "1.26.4"})


def picture(seed: int) -> str:
    """A small PNG as result files hold it."""
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 12, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels.repeat(8, 0).repeat(8, 1)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def what(name: str) -> dict[str, Any]:
    """Role and backend of the names that are used here."""
    role, backend = identity(name)
    return {"role": role, "backend": backend}


def accuracy(artifact: str, drop: float = 0.0002, gate: str = "pass", reason: str = "") -> AccuracyRecord:
    """One artifact that lost `drop` dB; `not run` has no figures."""
    blank = AccuracyRecord(
        artifact,
        "nano-x4",
        SHA,
        "fp32",
        TILE,
        "photographs",
        PROTOCOL,
        "torch",
        gate,  # type: ignore[arg-type]
        reason,
        **what(artifact),
    )
    if gate == "not run":
        return blank
    row = ImageRow("chelsea", 28.0 - drop, 0.8, drop, 0.0, 90.0, False)
    return replace(
        blank,
        psnr_db=28.0 - drop,
        ssim=0.8,
        drop_db=drop,
        ssim_drop=0.0,
        to_reference_db=90.0,
        to_reference_worst_db=88.0,
        worst_image="chelsea",
        worst_drop_db=drop,
        images=(row,),
        tiling_drop_db=0.001 if blank.role == "reference" else None,
    )


def latency(artifact: str, ms: float, seed: int = 0, note: str = "") -> LatencyRecord:
    """One artifact of about `ms` with a little noise."""
    samples = np.random.default_rng(seed).normal(ms, ms * 0.03, 30).tolist()
    median = median_interval(samples)
    return LatencyRecord(
        artifact=artifact,
        **what(artifact),
        model="nano-x4",
        model_sha256=SHA,
        precision="fp32",
        tile=TILE,
        gate="pass",
        reason="",
        p50_ms=median.value,
        p50_low_ms=median.low,
        p50_high_ms=median.high,
        p95_ms=percentile(samples, 95),
        p99_ms=percentile(samples, 99),
        samples_ms=tuple(samples),
        load_ms=120.0,
        peak_rss_mb=240.0,
        output_megapixels_per_s=262.144 / median.value,
        device="CPU",
        reported_precision="fp32",
        threads=4,
        note=note,
    )


def missing_latency(artifact: str, reason: str) -> LatencyRecord:
    """One artifact that could not be timed."""
    return LatencyRecord(artifact, "nano-x4", SHA, "fp32", TILE, "not run", reason, **what(artifact))


def timed(environment: Environment, records: list[LatencyRecord]) -> ResultFile:
    """A file of `bench`."""
    timings = [timing(it) for it in records if it.samples_ms]
    return new_result(environment, (*records, *compare_all(timings, SHA)))


def checked(environment: Environment, records: list[AccuracyRecord]) -> ResultFile:
    """A file of `check` with a crop of one image."""
    names = ["HR", "bicubic", *(it.artifact for it in records if it.images)]
    crop = Crop("chelsea", "photographs", SHA, (96, 32, 96, 96), {name: picture(i) for i, name in enumerate(names)})
    note = DatasetNote("photographs", "a" * 64, 3, "bicubic-matlab8", "chelsea: CC0")
    return new_result(environment, tuple(records), (note,), (crop,))


def two_machines() -> list[ResultFile]:
    """A desktop that runs everything and a board without OpenVINO."""
    slow = "torch-official-128x128"
    reference = accuracy("torch-reference-128x128", 0.001)
    return [
        checked(
            DESKTOP,
            [
                accuracy("onnxruntime-fp32-128x128"),
                accuracy("openvino-bf16-128x128", 0.004),
                accuracy("openvino-fp16-128x128", 0.02, "fail", "mean drop |0.02000| dB > 0.01"),
                accuracy("openvino-fp32-128x128"),
                reference,
            ],
        ),
        timed(
            replace(DESKTOP, load_average=0.4),
            [
                latency("onnxruntime-fp32-128x128", 41, 1),
                latency("openvino-bf16-128x128", 18, 2),
                latency("openvino-fp16-128x128", 17, 3),
                latency("openvino-fp32-128x128", 26, 4),
                latency(slow, 240, 5, "memory format contiguous"),
            ],
        ),
        checked(
            BOARD,
            [
                accuracy("onnxruntime-fp32-128x128"),
                accuracy("openvino-bf16-128x128", gate="not run", reason="openvino is not usable here"),
                reference,
            ],
        ),
        timed(
            BOARD,
            [
                latency("onnxruntime-fp32-128x128", 160, 6),
                missing_latency("openvino-bf16-128x128", "openvino is not usable here"),
            ],
        ),
    ]


def tile_record(side: int, ms: float, memory: float | None = None) -> LatencyRecord:
    """One square tile of `e-fp32`, timed at `ms` in every round."""
    return LatencyRecord(
        artifact=f"e-fp32-{side}x{side}", model="m", model_sha256="0" * 64, precision="fp32", tile=(side, side),
        gate="pass", reason="", p50_ms=ms, p50_low_ms=ms, p50_high_ms=ms, p95_ms=ms, p99_ms=ms, samples_ms=(ms,) * 5,
        output_megapixels_per_s=side * side * 16 / 1e3 / ms, peak_rss_mb=memory, role="artifact", backend="e",
    )  # fmt: skip
