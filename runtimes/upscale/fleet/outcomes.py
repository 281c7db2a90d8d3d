"""Items out to the actors, outcomes back, until nothing is left or nothing more gets done."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from types import ModuleType
from typing import TypeAlias

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import EdgeError
from runtimes.upscale.fleet.cluster import actors, on_others, resources_of_an_actor
from runtimes.upscale.fleet.items import FleetItem, cut, is_film, item_of
from runtimes.upscale.fleet.record import ELSEWHERE, FAILED, FileOutcome, of_all_pieces
from runtimes.upscale.fleet.store import parts_folder
from runtimes.upscale.fleet.worker import NODE, Task, Upscaler

LOST = "its process, or its machine, ended whenever it was tried"
"""Why a file is written down that never came back."""

BLOCKS, FILES_OF_A_BLOCK = (500, 2000), 16
BLOCKS_OF_AN_ACTOR = 16
"""See `blocks_of`."""

Actor: TypeAlias = Callable[[dict[str, object]], dict[str, object]]
"""A row of an item -> that of its outcome; made of the task, once in each process."""


def blocks_of(files: int, at_once: int) -> int:
    """Pieces that the work is cut into; each goes to one actor, which takes its files one after the other. Few large
    ones keep some of the last actors waiting; to make one costs the driver some 2 ms before the first file is begun.
    (To hand one out later costs more: DISPATCH_S of `benchmarks.latency.fleet.simulation`.)"""
    least, most = BLOCKS
    return min(files, max(least, min(most, files // FILES_OF_A_BLOCK), BLOCKS_OF_AN_ACTOR * at_once))


def upscale_all(
    ray: ModuleType,
    task: Task,
    items: Sequence[FleetItem],
    voice: Voice,
    write: Callable[[FileOutcome], None],
    actor: Callable[[Task], Actor] = Upscaler,
) -> list[FileOutcome]:
    """What became of every item, in any order.

    A file that ends its actors is one that Ray gives out again and again; it comes back as failed.
    What comes back with no outcome (a machine was lost for good) or from a machine that cannot work is given out again,
    alone and to other machines, if there are any, as long as anything else gets done or one more machine turns out to
    be such a one; what is left then is written down as failed.
    """
    at_once = actors(ray, task.options)
    todo = cut(items, at_once) if task.keep else list(items)
    left, why = {item.key: item for item in todo}, dict[str, str]()
    said, broken = set[str](), set[str]()
    files = _Files(todo, task, write)
    blocks, before = blocks_of(len(todo), at_once), (0, 0)
    with voice.progress(len(todo)) as step:
        step("starting actors")
        while left and (len(left), len(broken)) != before:
            before = len(left), len(broken)
            without = broken if actors(ray, task.options, broken) else set[str]()
            for key, node, outcome in _outcomes(ray, task, list(left.values()), blocks, actor, frozenset(without)):
                if outcome.status == ELSEWHERE:
                    broken.add(node)
                    reason = why[key] = f"{outcome.machine}: {outcome.reason}"
                    if outcome.machine not in said:
                        said.add(outcome.machine)
                        voice.note(f"a machine cannot work, its files go to others: {reason}")
                elif left.pop(key, None) is not None:
                    step(outcome.target)
                    files.add(outcome)
            blocks = len(todo)
        for key, item in left.items():
            files.add(_failed(item, why.get(key, LOST)))
    return files.whole


def _failed(item: FleetItem, reason: str) -> FileOutcome:
    return FileOutcome(item.source, item.target, FAILED, "", "", "", 0.0, reason=reason)


class _Files:
    """Outcomes of pieces, told as those of files once the last piece of one is in; then nobody needs its segments."""

    def __init__(self, todo: Sequence[FleetItem], task: Task, write: Callable[[FileOutcome], None]) -> None:
        self.whole: list[FileOutcome] = []
        self._pieces = {item.target: item.pieces for item in todo}
        self._found: dict[str, list[FileOutcome]] = {}
        self._task, self._write = task, write

    def add(self, piece: FileOutcome) -> None:
        found = self._found.setdefault(piece.target, [])
        found.append(piece)
        if len(found) < self._pieces[piece.target]:
            return
        whole = of_all_pieces(self._found.pop(piece.target)) if self._task.keep else piece
        self.whole.append(whole)
        self._write(whole)
        if self._task.keep and is_film(whole.target) and whole.status != FAILED:
            with suppress(EdgeError):
                self._task.target.remove(parts_folder(whole.target))


def _outcomes(
    ray: ModuleType,
    task: Task,
    items: Sequence[FleetItem],
    blocks: int,
    actor: Callable[[Task], Actor],
    without: Collection[str],
) -> Iterator[tuple[str, str, FileOutcome]]:
    """Keys of items, the node of each and what became of it there; nodes of `without` get none."""
    data = importlib.import_module("ray.data")
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = [item.row() for item in items]
    options = task.options
    todo = data.from_items(rows, override_num_blocks=min(blocks, len(rows)))
    room = max(1, min(len(rows), actors(ray, options, without)))
    results = todo.map(
        actor,
        fn_constructor_args=(task,),
        compute=data.ActorPoolStrategy(size=room),
        **resources_of_an_actor(options),
        **on_others(without),
    )
    told = [field.name for field in fields(FileOutcome)]
    for row in results.iter_rows():
        yield item_of(row).key, str(row.get(NODE, "")), FileOutcome(**{name: row[name] for name in told})
