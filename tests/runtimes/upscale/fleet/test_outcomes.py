"""How work is cut into pieces, and where it goes again. The rest of the driver: test_run.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from dlgsanet.command_line.voice import Voice
from runtimes.upscale.fleet import outcomes
from runtimes.upscale.fleet.items import FleetItem
from runtimes.upscale.fleet.outcomes import blocks_of
from runtimes.upscale.fleet.record import DONE, ELSEWHERE, FAILED, FileOutcome
from runtimes.upscale.fleet.store import Store
from runtimes.upscale.fleet.worker import Task
from runtimes.upscale.options import UpscaleOptions


@pytest.mark.parametrize(
    ("files", "at_once", "blocks"),
    [(1, 2, 1), (300, 2, 300), (5_000, 2, 500), (10_000, 2, 625), (10**6, 2, 2000), (10**6, 1000, 16_000)],
)
def test_pieces_are_few_where_the_start_counts_and_enough_for_the_end(files: int, at_once: int, blocks: int) -> None:
    assert blocks_of(files, at_once) == blocks


@dataclass(frozen=True)
class Cluster:
    """As much of Ray as the driver asks for: nodes of one core. Those of `broken` cannot work."""

    names: tuple[str, ...]
    broken: tuple[str, ...]

    def nodes(self) -> list[dict[str, object]]:
        return [{"NodeID": name, "Alive": True, "Resources": {"CPU": 1}} for name in self.names]

    def outcomes(
        self,
        ray: ModuleType,
        task: Task,
        items: Sequence[FleetItem],
        blocks: int,
        actor: object,
        without: frozenset[str],
    ) -> Iterator[tuple[str, str, FileOutcome]]:
        """All that is left comes to the first node that is not kept out."""
        node = next(name for name in self.names if name not in without)
        status = ELSEWHERE if node in self.broken else DONE
        for item in items:
            yield (
                item.key,
                node,
                FileOutcome(item.source, item.target, status, "", "", node, 0.0, reason=f"{node} is full"),
            )


@pytest.mark.parametrize(("broken", "done"), [("", True), ("a", True), ("ab", True), ("abc", False)])
def test_files_leave_machines_that_cannot_work(monkeypatch: pytest.MonkeyPatch, broken: str, done: bool) -> None:
    """As long as there is another; where none is left the job ends, and says why."""
    cluster = Cluster(("a", "b", "c"), tuple(broken))
    monkeypatch.setattr(outcomes, "_outcomes", cluster.outcomes)
    items = [FleetItem(f"{i}.png", f"{i}_x4.png", 1) for i in range(3)]
    options = UpscaleOptions(inputs=(Path("in"),), output=Path("out"), threads=1, ray="")
    written: list[FileOutcome] = []
    ray = cast("ModuleType", cluster)
    found = outcomes.upscale_all(
        ray, Task({}, {}, options, Store("in"), Store("out")), items, Voice(quiet=True), written.append
    )
    assert found == written and len(found) == 3
    told = {(one.status, one.reason) for one in found}
    assert {status for status, _ in told} == {DONE if done else FAILED}
    assert done or {reason for _, reason in told} <= {f"{name}: {name} is full" for name in broken}
