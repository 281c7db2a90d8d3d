"""The networks in torch that artifacts are held against; beside torch_compiled.py, no other file of this room imports
torch.

`reference`: our reference network. `official`: the same weights with the dynamic convolution through
F.unfold, which is what a CPU user of the official code has today. Each also as torch.compile makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.records.identity import REFERENCE, Identity
from benchmarks.subjects.torch_compiled import CompiledRunner, compiled
from dlgsanet.errors import InputError, UnavailableError, unknown
from runtimes.backends.torch import ENGINE as TORCH
from runtimes.backends.torch.runner import TorchRunner
from runtimes.bundle.integrity import verify
from runtimes.bundle.manifest import Manifest, read_manifest
from runtimes.machine.clock import time_interleaved
from runtimes.machine.processor import available_threads
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array, Tile

if TYPE_CHECKING:
    from torch.nn import Module

    from dlgsanet.network.model import DLGSANet

_PEER = Identity(role="peer", backend=TORCH.name)
PEERS = {"official": _PEER, "official-compiled": _PEER, "reference": REFERENCE, "reference-compiled": _PEER}
MEMORY_FORMATS = ("contiguous", "channels_last")
_TRIALS = 3


@dataclass(frozen=True)
class Formats:
    """Medians in ms of the trial runs of one peer in each memory format."""

    contiguous_ms: float
    channels_last_ms: float

    @property
    def better(self) -> str:
        """The faster memory format: the one a peer is timed in, so that it is timed at its best."""
        return MEMORY_FORMATS[0] if self.contiguous_ms <= self.channels_last_ms else MEMORY_FORMATS[1]

    @property
    def note(self) -> str:
        """What was chosen and from what, for the record."""
        return (
            f"memory format {self.better} (trial: contiguous {self.contiguous_ms:.1f} ms, "
            f"channels_last {self.channels_last_ms:.1f} ms)"
        )


def is_compiled(peer: str) -> bool:
    """Whether torch.compile makes this peer."""
    return peer.endswith("-compiled")


def peer_id(peer: str, tile: Tile, kind: Identity = _PEER) -> str:
    """`torch-official-128x128`: named like an artifact."""
    return f"{kind.backend}-{peer}-{tile[0]}x{tile[1]}"


def reference_function(bundle: str | Path, manifest: Manifest, threads: int | None = None) -> Callable[[Array], Array]:
    """The bundle's reference checkpoint as a function on NumPy arrays: N x 3 x H x W -> N x 3 x sH x sW
    float32.

    Sets torch's threads for the whole process. Raises UnavailableError without torch, InputError for a
    checkpoint whose hash does not match the manifest.
    """
    return _as_function(_model(bundle, manifest, "reference", threads), MEMORY_FORMATS[0])


@dataclass(frozen=True)
class ArrayStep:
    """One named step of the reference network (see dlgsanet/network/blocks.py), on NumPy arrays."""

    name: str
    reads: tuple[str, ...]
    run: Callable[..., Array]


def reference_steps(bundle: str | Path, manifest: Manifest, threads: int | None = None) -> list[ArrayStep]:
    """The bundle's reference checkpoint step by step. Raises as `reference_function`."""
    model = _model(bundle, manifest, "reference", threads)
    from dlgsanet.network.blocks import Step, steps

    def on_arrays(step: Step) -> Callable[..., Array]:
        import torch

        def run(*values: Array) -> Array:
            with torch.inference_mode():
                out: Array = step.run(*(torch.from_numpy(np.ascontiguousarray(value)) for value in values)).numpy()
            return out

        return run

    return [ArrayStep(step.name, step.reads, on_arrays(step)) for step in steps(model)]


def open_peer(
    bundle: str | Path, peer: str, tile: Tile, threads: int | None, memory_format: str = MEMORY_FORMATS[0]
) -> Runner:
    """A peer as a runner of one tile. Raises as `reference_function`; InputError for an unknown peer or
    format."""
    if peer not in PEERS:
        raise unknown("peer", peer, PEERS)
    if memory_format not in MEMORY_FORMATS:
        raise unknown("memory format", memory_format, MEMORY_FORMATS)
    manifest = read_manifest(bundle)
    model = _model(bundle, manifest, peer, threads)
    using = threads or available_threads()
    versions = {TORCH.module: version(TORCH.module)}
    name = peer_id(peer, tile)
    if not is_compiled(peer):
        function = _as_function(model, memory_format)
        return TorchRunner(function, manifest.scale, tile, name, threads=using, versions=versions)
    function = _as_function(compiled(model, using), memory_format)
    made_of = f"{manifest.source.config}, {memory_format}"  # weights are no part of what is compiled
    return CompiledRunner(function, manifest.scale, tile, name, threads=using, versions=versions, made_of=made_of)


def try_formats(bundle: str | Path, peer: str, tile: Tile, threads: int | None, picture: Array) -> Formats:
    """Time a peer in both memory formats, interleaved; errors as `open_peer`, and UnavailableError for one that cannot
    be compiled."""
    medians = {}
    runners = {form: open_peer(bundle, peer, tile, threads, form) for form in MEMORY_FORMATS}
    with runners[MEMORY_FORMATS[0]] as plain, runners[MEMORY_FORMATS[1]] as last:
        tasks = {
            MEMORY_FORMATS[0]: lambda: plain.infer(picture, checked=False),
            MEMORY_FORMATS[1]: lambda: last.infer(picture, checked=False),
        }
        for form, samples in time_interleaved(tasks, warmup=1, runs=_TRIALS).items():
            medians[form] = float(np.median(samples))
    return Formats(medians[MEMORY_FORMATS[0]], medians[MEMORY_FORMATS[1]])


def _model(bundle: str | Path, manifest: Manifest, peer: str, threads: int | None) -> DLGSANet:
    try:
        import torch

        from dlgsanet.checkpoints import load_model
        from dlgsanet.network.official_form import official_form
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f'the torch {peer} needs the package {error.name}, found none: pip install "dlgsanet-edge[torch]"'
        ) from error
    path = manifest.reference.checkpoint
    verify(bundle, {path: manifest.reference.files[path]})
    torch.set_num_threads(threads or available_threads())
    model = load_model(Path(bundle) / path)
    if model.scale != manifest.scale:
        raise InputError(f"bundle '{bundle}': its checkpoint is x{model.scale}, its manifest says x{manifest.scale}")
    return official_form(model) if peer.startswith("official") else model


def _as_function(model: Module, memory_format: str) -> Callable[[Array], Array]:
    import torch

    layout = torch.channels_last if memory_format == "channels_last" else torch.contiguous_format
    placed = model.to(memory_format=layout)  # type: ignore[call-overload]

    def function(lr: Array) -> Array:
        with torch.inference_mode():
            tile = torch.from_numpy(np.ascontiguousarray(lr)).contiguous(memory_format=layout)
            sr: Array = placed(tile).contiguous().numpy()
        return sr

    return function
