"""Will a build work here? Everything that can be known before minutes of compiling, with estimates said as such."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import UnavailableError
from runtimes.backends.tensorrt.cuda.interface import Gpu
from runtimes.bundle.manifest import Artifact, Manifest
from runtimes.machine.memory import available_with_swap_bytes

MIB = 1 << 20
LIBRARIES_MB = 1200  # TensorRT's builder, its tactics and a CUDA context: an estimate, not measured on every device
RTX_LIBRARIES_MB = 450
DISK_MARGIN_MB = 64
DLA_NOTE = (
    "not used: LayerNorm, products of activations, GELU and DepthToSpace have no DLA form, so that this network would "
    "fall into many pieces"
)


@dataclass(frozen=True)
class Need:
    """What a build takes, in MiB; estimates."""

    memory_mb: int
    disk_mb: int


def estimate(manifest: Manifest, artifact: Artifact, onnx_bytes: int, workspace_mb: int | None, rtx: bool) -> Need:
    """Memory: libraries, four copies of the weights, activations of several tactics and the workspace. Disk: the
    engine, seen up to four times its ONNX, twice while it is replaced."""
    channels = int(manifest.source.config.get("channels", 64))
    height, width = artifact.tile
    maps = 2 * channels * max(channels // 4, 1) + 24 * channels + 6 * 3 * manifest.scale**2
    activations = 4 * height * width * maps // MIB
    weights = 4 * onnx_bytes // MIB
    libraries = RTX_LIBRARIES_MB if rtx else LIBRARIES_MB
    return Need(libraries + weights + 2 * activations + (workspace_mb or 0), 2 * 4 * onnx_bytes // MIB + DISK_MARGIN_MB)


def require_room(need: Need, folder: Path, gpu: Gpu | None, name: str) -> None:
    """Raise UnavailableError when memory (of host or GPU, which are one on Jetson) or disk cannot hold a build."""
    free = shutil.disk_usage(folder).free // MIB
    if free < need.disk_mb:
        raise UnavailableError(
            f"{name}: building takes about {need.disk_mb} MiB of disk, '{folder}' has {free}: make room there"
        )
    available = host_memory_mb()
    if available is not None and available < need.memory_mb:
        raise UnavailableError(
            f"{name}: building takes about {need.memory_mb} MiB of memory, {available} are free: end other programs, "
            "add swap, give a lower --workspace, or export a smaller --tile"
        )
    if gpu is not None and gpu.free_bytes // MIB < need.memory_mb // 2:
        raise UnavailableError(
            f"{name}: building takes about {need.memory_mb // 2} MiB of GPU memory, {gpu.free_bytes // MIB} are free: "
            "end other programs that use the GPU"
        )


def host_memory_mb() -> int | None:
    """Memory that can be had, swap included since builders may use it; None where the system does not say."""
    found = available_with_swap_bytes()
    return None if found is None else found // MIB


def describe(
    gpu: Gpu, library: str, version: str, dla_cores: int | None, needs: Sequence[tuple[str, Need]]
) -> list[str]:
    """What the builder found before it begins, in lines."""
    memory = host_memory_mb()
    lines = [
        f"GPU: {gpu.name} ({gpu.sm}), {gpu.free_bytes // MIB} of {gpu.total_bytes // MIB} MiB free; host: "
        f"{'unknown' if memory is None else memory} MiB free",
        f"{library} {version}",
    ]
    if dla_cores:
        lines.append(f"{dla_cores} DLA cores, {DLA_NOTE}")
    lines += [f"{name}: about {need.memory_mb} MiB of memory, {need.disk_mb} MiB of disk" for name, need in needs]
    return lines
