"""Items out to the actors, outcomes back, until nothing is left or nothing more gets done."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TypeAlias

from dlgsanet.command_line.voice import Voice
from runtimes.upscale.fleet.cluster import actors, resources_of_an_actor
from runtimes.upscale.fleet.items import FleetItem
from runtimes.upscale.fleet.record import ELSEWHERE, FAILED, FileOutcome
from runtimes.upscale.fleet.worker import Task, Upscaler

LOST = "its process, or its machine, ended whenever it was tried"
"""Why a file is written down that never came back."""

BLOCKS, FILES_OF_A_BLOCK = (500, 2000), 16
BLOCKS_OF_AN_ACTOR = 16
"""See `blocks_of`."""

Actor: TypeAlias = Callable[[dict[str, str]], dict[str, object]]
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
    alone, as long as anything else gets done; what is left then is written down as failed.
    """
    left, found = {item.target: item for item in items}, list[FileOutcome]()
    why, said = dict[str, str](), set[str]()
    blocks, before = blocks_of(len(items), actors(ray, task.options)), -1

    def tell(outcome: FileOutcome) -> None:
        found.append(outcome)
        write(outcome)
        step(outcome.target)

    with voice.progress(len(items)) as step:
        step("starting actors")
        while left and len(found) > before:
            before = len(found)
            for outcome in _outcomes(ray, task, list(left.values()), blocks, actor):
                if outcome.status == ELSEWHERE:
                    reason = why[outcome.target] = f"{outcome.machine}: {outcome.reason}"
                    if outcome.machine not in said:
                        said.add(outcome.machine)
                        voice.note(f"a machine cannot work, its files go to others: {reason}")
                elif left.pop(outcome.target, None) is not None:
                    tell(outcome)
            blocks = len(items)
        for item in left.values():
            reason = why.get(item.target, LOST)
            tell(FileOutcome(item.source, item.target, FAILED, "", "", "", 0.0, reason=reason))
    return found


def _outcomes(
    ray: ModuleType, task: Task, items: Sequence[FleetItem], blocks: int, actor: Callable[[Task], Actor]
) -> Iterator[FileOutcome]:
    data = importlib.import_module("ray.data")
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = [{"source": item.source, "target": item.target} for item in items]
    options = task.options
    todo = data.from_items(rows, override_num_blocks=min(blocks, len(rows)))
    room = max(1, min(len(rows), actors(ray, options)))
    results = todo.map(
        actor,
        fn_constructor_args=(task,),
        compute=data.ActorPoolStrategy(size=room),
        **resources_of_an_actor(options),
    )
    for row in results.iter_rows():
        yield FileOutcome(**row)
