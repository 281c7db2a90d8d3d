"""Several tiles of one artifact family as one runner: each image goes to the tile in which it costs least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain

from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.tiling import Array, Tile


@dataclass(frozen=True)
class PictureSizes:
    """All that will be asked of a runner: pictures of these sizes (H, W), in tiles that share `overlap` pixels."""

    sizes: frozenset[Tile]
    overlap: int


class FamilyRunner(Runner):
    """Runs every image on that member in whose tile it costs least; `info` is the largest member's."""

    def __init__(self, name: str, members: Sequence[Runner], pixel_costs: Mapping[Tile, float] | None = None) -> None:
        """`members` are runners of one artifact in one tile each; `name` is what they are called together.
        `pixel_costs`: what a pixel takes in each tile, where that is known."""
        super().__init__(members[0].scale, [tile for member in members for tile in member.tiles], pixel_costs)
        self._name = name
        self._members = {tile: member for member in members for tile in member.tiles}
        self._stack = ExitStack()

    def only_for(self, asked: PictureSizes) -> FamilyRunner:
        """Those members alone that these pictures go to: opening one takes its time and memory."""
        needed = {self.tile_for(size, asked.overlap) for size in asked.sizes}
        members = [member for tile, member in self._members.items() if tile in needed]
        return FamilyRunner(self._name, members, self.pixel_costs) if members else self

    def _open(self) -> RunInfo:
        for member in self._members.values():
            self._stack.enter_context(member)
        assert self.tile is not None
        return replace(self._members[self.tile].info, artifact=self._name)

    def _infer(self, tile: Array) -> Array:
        member = self._members[(tile.shape[2], tile.shape[3])]
        return member.infer(tile, checked=False)  # the base has checked this tile and will check the output

    def _infer_each(self, tiles: Iterator[Array]) -> Iterator[Array]:
        """All tiles of an image have one size: its member takes them as it takes its own."""
        first = next(tiles, None)
        if first is not None:
            yield from self._members[(first.shape[2], first.shape[3])]._infer_each(chain([first], tiles))

    def _close(self) -> None:
        self._stack.close()
