"""`check --blocks`: where inside the network an artifact leaves the reference, block by block.

The artifact is opened twice: as it is, and as a twin that has the blocks' outputs as further outputs. The same weights
from the same files run in both, but an engine may fuse and round a graph with more outputs differently; so the twin's
picture is held against the artifact's, and a twin of another quality is refused. Artifacts whose residual stream is
turned are turned back before anything is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from benchmarks.accuracy.figures import finite
from benchmarks.records.inside import BlockRecord, BlockRow
from benchmarks.subjects.datasets import Dataset
from benchmarks.subjects.subject import Origin, Subject
from benchmarks.subjects.torch_peers import ArrayStep
from dlgsanet.errors import BackendError, InputError, UnavailableError
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.metrics import psnr_float
from runtimes.bundle.artifact_facts import Cost
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import Array, middle_tile

TILES = 4
"""Images that one tile each is taken of, from the middle: blocks differ by decibels, images hardly."""

SAME_DB = 1.0
"""How much nearer to or farther from the reference the twin may be than the artifact. bf16 rounds in other places
once something else is fused, and then the two differ by as much as either differs from the reference."""

ROUNDING_DB = 120.0
"""From here on the difference of the two is fp32's own rounding, whatever either has to the reference."""

WRONG_DB = 25.0
"""Signal to error of one block by itself: INT8 and 16 bits keep more, another operator does not."""

INPUT, OUTPUT = "lr", "sr"


@dataclass(frozen=True)
class BlockNames:
    """What the manifest says of an artifact's blocks: block -> tensor, and how its stream is turned."""

    tensors: Mapping[str, str]
    reflected_along: tuple[float, ...] | None

    def values(self, sr: Array, inside: Mapping[str, Array], lr: Array) -> dict[str, Array]:
        """Block -> value in the channels of the reference, with the network's input and output."""
        found = {block: self._turned_back(inside[tensor]) for block, tensor in self.tensors.items()}
        return {INPUT: lr, **found, OUTPUT: sr}

    def _turned_back(self, stream: Array) -> Array:
        """A reflection is its own inverse: x - 2 v (v x) / (v v), along the channels of (1, C, H, W)."""
        if self.reflected_along is None:
            return stream
        v = np.asarray(self.reflected_along)
        turned = stream - (2 / (v @ v)) * v[:, None, None] * np.tensordot(v, stream[0], 1)
        return np.asarray(turned, np.float32)


@dataclass(frozen=True)
class Look:
    """An artifact and its twin, neither open yet; without `names` the bundle does not say what its blocks are."""

    subject: Subject
    twin: Runner | None
    names: BlockNames | None


@dataclass
class _Progress:
    look: Look
    total: dict[str, float] = field(default_factory=dict)  # squared errors
    added: dict[str, float] = field(default_factory=dict)
    signal: dict[str, float] = field(default_factory=dict)
    twin_db: float = math.inf
    tiles: int = 0
    over: str | None = None


def block_names(cost: Cost) -> BlockNames | None:
    """What an artifact's `graph` in the manifest says; None where it says nothing."""
    return None if cost.blocks is None else BlockNames(cost.blocks.tensors, cost.blocks.reflected_along)


def measure_blocks(
    looks: Sequence[Look],
    dataset: Dataset,
    steps: Sequence[ArrayStep],
    origin: Origin,
    step: Callable[[str], None] = lambda doing: None,
) -> list[BlockRecord]:
    """A record for each artifact, in order; those that cannot be looked into say why.

    `steps`: the reference network, step by step; they need the names of the artifacts' blocks.
    """
    runs = [_Progress(look) for look in looks]
    with ExitStack() as stack:
        for run in runs:
            step(f"opening {run.look.subject.artifact} twice")
            _guarded(run, _open, stack, steps)
        for sample in islice(dataset.samples(), TILES):
            references: dict[tuple[int, int], tuple[Array, dict[str, Array]]] = {}
            for run in (run for run in runs if run.over is None):
                tile = run.look.subject.tile
                step(f"{sample.item.name}: blocks of {run.look.subject.artifact}")
                if tile not in references:
                    lr = middle_tile(to_nchw(sample.lr), tile)
                    references[tile] = lr, _reference(steps, lr)
                _guarded(run, _one_tile, *references[tile], steps)
    return [_record(run, dataset, steps, origin) for run in runs]


def wrong_block(record: BlockRecord) -> str:
    """Of an artifact that gives another picture: the first block that computes something else by itself, in words."""
    if record.gate == "not run":
        return f"no block can be named: {record.reason}"
    for row in record.blocks:
        if row.added_db is not None and row.added_db < WRONG_DB:
            return f"the first block that computes something else is {row.name} ({row.added_db:.0f} dB by itself)"
    return "no block by itself computes something else"


def count_steps(looks: Sequence[Look], dataset: Dataset) -> int:
    """How often `measure_blocks` calls its `step`, at most."""
    return len(looks) * (1 + min(TILES, len(dataset.items)))


def _guarded(run: _Progress, work: Callable[..., None], *given: Any) -> None:
    """Do one piece of work on one artifact; what goes wrong ends its part and no other's."""
    try:
        work(run, *given)
    except (UnavailableError, BackendError, InputError) as error:
        run.over = str(error)


def _open(run: _Progress, stack: ExitStack, steps: Sequence[ArrayStep]) -> None:
    look = run.look
    if look.names is None or look.twin is None:
        run.over = "the bundle does not say which tensors are the blocks' outputs: export it again"
        return
    unknown = {it.name for it in steps} ^ {*look.names.tensors, OUTPUT}
    if unknown:
        raise InputError(f"expected the blocks of the reference network, found others ({min(unknown)}); export again")
    stack.enter_context(look.subject.runner)
    info = stack.enter_context(look.twin).info
    run.over = info.lacking or info.precision_mismatch


def _reference(steps: Sequence[ArrayStep], lr: Array) -> dict[str, Array]:
    values = {INPUT: lr}
    for step in steps:
        values[step.name] = step.run(*(values[name] for name in step.reads))
    return values


def _one_tile(run: _Progress, lr: Array, reference: Mapping[str, Array], steps: Sequence[ArrayStep]) -> None:
    look = run.look
    assert look.twin is not None and look.names is not None
    shipped = look.subject.runner.infer(lr)
    sr, inside = look.twin.inspect(lr)
    distance = psnr_float(sr, shipped)
    run.twin_db = min(run.twin_db, distance)
    if reason := twin_fault(distance, psnr_float(sr, reference[OUTPUT]), psnr_float(shipped, reference[OUTPUT])):
        run.over = reason
        return
    found = look.names.values(sr, inside, lr)
    for step in steps:
        alone = step.run(*(found[name] for name in step.reads))
        _add(run.signal, step.name, reference[step.name])
        _add(run.total, step.name, found[step.name] - reference[step.name])
        _add(run.added, step.name, found[step.name] - alone)
    run.tiles += 1


def twin_fault(distance_db: float, twin_db: float, shipped_db: float) -> str | None:
    """Why a twin does not stand for its artifact: `distance_db` apart, each with its decibels to the reference."""
    if distance_db >= ROUNDING_DB or abs(twin_db - shipped_db) <= SAME_DB:
        return None
    return (
        f"with its blocks as outputs the engine computes something else ({twin_db:.1f} dB to the reference, the "
        f"artifact {shipped_db:.1f}): what they would show is not what ships"
    )


def _add(sums: dict[str, float], name: str, values: Array) -> None:
    sums[name] = sums.get(name, 0.0) + float(np.sum(np.square(values, dtype=np.float64)))


def _record(run: _Progress, dataset: Dataset, steps: Sequence[ArrayStep], origin: Origin) -> BlockRecord:
    subject = run.look.subject
    record = BlockRecord(
        artifact=subject.artifact,
        role=subject.role,
        backend=subject.backend,
        model=origin.name,
        model_sha256=origin.sha256,
        dataset=dataset.name,
        tile=subject.tile,
        images=run.tiles,
        gate="not run",
        reason=run.over or "",
        twin_db=finite(run.twin_db),
    )
    if run.over is not None:
        return record
    rows = tuple(
        BlockRow(it.name, _db(run.signal[it.name], run.total[it.name]), _db(run.signal[it.name], run.added[it.name]))
        for it in steps
    )
    return replace(record, gate="stated", blocks=rows)


def _db(signal: float, error: float) -> float | None:
    """Signal to error; None for no error. An error in a signal of zeros is an error as large as can be."""
    if error == 0:
        return None
    return 10 * math.log10(signal / error) if signal > 0 and math.isfinite(error) else -300.0
