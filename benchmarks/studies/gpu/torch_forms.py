"""Torch on a CUDA device, eager, compiled, fp16 and bf16, in the same rounds: `python -m
benchmarks.studies.gpu.torch_forms MODEL -o FILE`. Part of tests/gpu/gpu.sh. Never run by the project: its machines have
no NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.latency.rounds import with_samples
from benchmarks.records.environment import describe_environment
from benchmarks.records.latency import LatencyRecord
from benchmarks.records.result_file import new_result, require_place, write_result
from benchmarks.studies import run_study
from dlgsanet.errors import UnavailableError
from dlgsanet.storage.atomic import sha256_file
from runtimes.machine.clock import time_interleaved

KINDS = ("eager", "compile", "fp16", "bf16")


def tasks(name: str, tile: tuple[int, int]) -> tuple[dict[str, Callable[[], object]], int]:
    """What to time, host to host, and the model's scale. Raises UnavailableError without a CUDA device."""
    import torch

    from dlgsanet import load_model

    if not torch.cuda.is_available():
        raise UnavailableError("not run here: no NVIDIA GPU (torch sees no CUDA device)")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    model: Any = load_model(name).to("cuda")
    compiled = torch.compile(model)
    lr = torch.from_numpy(np.random.default_rng(0).random((1, 3, *tile), np.float32)).pin_memory()

    def run(network: Any, kind: Any) -> object:
        with torch.inference_mode(), torch.autocast("cuda", kind or torch.float16, enabled=kind is not None):
            return network(lr.to("cuda", non_blocking=True)).float().cpu()

    forms = {
        "eager": (model, None), "compile": (compiled, None), "fp16": (model, torch.float16),
        "bf16": (model, torch.bfloat16),
    }  # fmt: skip
    return {kind: partial(run, *forms[kind]) for kind in KINDS}, int(model.scale)


def record(kind: str, name: str, digest: str, tile: tuple[int, int], scale: int, samples: list[float]) -> LatencyRecord:
    """One form's latency."""
    precision = kind if kind in ("fp16", "bf16") else "fp32"
    found = LatencyRecord(
        artifact=f"torch-cuda-{kind}-{tile[0]}x{tile[1]}",
        model=name,
        model_sha256=digest,
        precision=precision,
        tile=tile,
        gate="stated",
        reason="timed only; tests/gpu compares the pictures",
        device="CUDA",
        reported_precision=precision,
        role="peer",
        backend="torch-cuda",
    )
    return with_samples(found, samples, scale)


def main(
    model: Annotated[str, typer.Argument(help="Shipped name or checkpoint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Result file to write.")],
    tile: Annotated[int, typer.Option(help="Side of the tile in LR pixels.")] = 128,
    runs: Annotated[int, typer.Option(min=5, help="Rounds.")] = 30,
) -> None:
    """Time the forms of the reference on the GPU."""
    from dlgsanet.checkpoints import read_checkpoint

    require_place(output)
    size = (tile, tile)
    timed, scale = tasks(model, size)
    samples = time_interleaved(timed, warmup=5, runs=runs)
    checkpoint = read_checkpoint(model)
    digest = checkpoint.sha256 or sha256_file(model)
    records = tuple(record(kind, checkpoint.name, digest, size, scale, samples[kind]) for kind in timed)
    write_result(output, new_result(describe_environment(), records))
    for it in records:
        typer.echo(f"{it.artifact}: {it.p50_ms:.2f} ms")


if __name__ == "__main__":
    run_study(main)
