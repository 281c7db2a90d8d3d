"""Which tile a target gets for frames of a given size: the one in which a frame takes least time on this machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dlgsanet.errors import EdgeError
from export.backends.registry import backend_of, timed_tools
from export.bundle.kept_times import timed_once
from export.graph.graph import Graph
from export.machine.fingerprint import fingerprint
from export.machine.kept import NOTHING, Kept
from export.networks.network import PreparedNetwork
from export.targets.row import Row
from export.targets.table import Target, TargetOptions, plain_target, row_of
from export.tuning.tile_shapes import YARDSTICK, Shape, shape_of
from export.tuning.tile_trials import Times, time_tiles
from runtimes.bundle.tile_choice import FramePlan, TileChoice
from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tiling import Tile

FLOAT = "fp32"  # what is timed for an INT8 row: its own graphs are calibrated one by one

Shapes = Mapping[Tile, Sequence[Shape]]
"""Frame (H, W) -> the shapes to be timed for it."""


@dataclass(frozen=True)
class FrameTiles:
    """Chooses tiles for frames, row by row; `kept` spares the timing of what was timed here before."""

    network: PreparedNetwork
    options: TargetOptions
    say: Callable[[str], None]
    kept: Kept = NOTHING
    _graphs: dict[tuple[object, ...], Graph] = field(default_factory=dict)

    def choose_all(self, rows: Sequence[Row], shapes: Shapes) -> dict[tuple[Row, Tile], TileChoice]:
        """Row and tile -> the frames that it is best for; none without frames."""
        if not shapes:
            return {}
        return {(row, tile): choice for row in rows for tile, choice in self.choose(row, shapes).items()}

    def choose(self, row: Row, shapes: Shapes) -> dict[Tile, TileChoice]:
        """Tile -> the frames that it is best for. What cannot be timed here is chosen by the pixels computed, which the
        choice says."""
        tiles = dict.fromkeys([YARDSTICK, *(shape.tile for found in shapes.values() for shape in found)])
        reason = backend_of(row.backend).not_timed
        costs: dict[Tile, float] = {}
        if not reason:
            try:
                timed = row_of(row.backend, FLOAT) if row.calibrated else row
                costs = self._pixel_costs(timed, list(tiles))
            except EdgeError as error:
                reason = str(error)
        plans: dict[Tile, list[FramePlan]] = {}
        for frame, found in shapes.items():
            tile, plan = _best(frame, found, costs)
            plans.setdefault(tile, []).append(plan)
        known = {_size(tile): round(cost, 4) for tile, cost in costs.items()}
        machine = fingerprint(timed_tools()) if costs else {}
        return {tile: TileChoice(tuple(mine), _size(YARDSTICK), known, machine, reason) for tile, mine in plans.items()}

    def _pixel_costs(self, row: Row, tiles: Sequence[Tile]) -> dict[Tile, float]:
        """What a pixel takes in each tile against one in the YARDSTICK, the median of paired rounds."""
        target = plain_target(row, YARDSTICK, self.options)
        lowering = self.network.choose(target).lowering
        sizes = {_size(tile): tile for tile in tiles}

        def time() -> Times:
            graphs = {tile: self._graph(replace(target, tile=tile), lowering) for tile in tiles}
            return {_size(tile): ms for tile, ms in time_tiles(graphs, target, self.network.scale, self.say).items()}

        told = (self.network.identity, repr(target), lowering, repr(tuple(sizes)))
        times = timed_once(told, sizes, self.kept, time)
        per_pixel = {sizes[size]: np.array(ms) / math.prod(sizes[size]) for size, ms in times.items()}
        return {tile: float(np.median(each / per_pixel[YARDSTICK])) for tile, each in per_pixel.items()}

    def _graph(self, target: Target, lowering: str) -> Graph:
        key = target.graph_key(lowering)
        if key not in self._graphs:
            self._graphs[key] = self.network.draft(target, lowering)
        return self._graphs[key]


def _size(tile: Tile) -> str:
    return f"{tile[0]}x{tile[1]}"


def _best(frame: Tile, shapes: Sequence[Shape], costs: Mapping[Tile, float]) -> tuple[Tile, FramePlan]:
    """The shape in which the frame costs least: by its time, else by the model that `shapes` are sorted by."""
    best, cost = shapes[0], None
    if costs:
        everything = [*shapes, shape_of(YARDSTICK, frame)]
        best = min(everything, key=lambda shape: shape.computed * costs[shape.tile])
        cost = round(best.computed * costs[best.tile], 4)
    return best.tile, FramePlan(frame, DEFAULT_OVERLAP, best.tiles, round(best.computed, 4), cost)
