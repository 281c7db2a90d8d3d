"""What an export will make: rows, tiles and targets, with everything refused that cannot be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError
from export.backends.registry import backend_of, backends
from export.bundle.options import ExportOptions
from export.networks.find import find_network
from export.networks.network import Network
from export.quantization.options import MAX_DROP_DB
from export.targets.choice import install_line, installed_targets, parse_targets, require_packages
from export.targets.row import Row
from export.targets.table import Target
from export.tuning.tile_shapes import Shape, shapes_for
from runtimes.backends.registry import spoilt_here
from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tiling import Tile

Progress = Callable[[str], None]
_UNSEEN = "it may fail here, and its layers are not held against the drawn tiles; take int8w, or export where VNNI is"
Wanted = Sequence[tuple[Row, Tile]]


@dataclass(frozen=True)
class ExportPlan:
    """An export whose network is read and whose targets can all be: the `rows` at fixed tiles, and for each frame of
    `shapes` each row in the best of these."""

    options: ExportOptions
    network: Network
    rows: tuple[Row, ...]
    shapes: Mapping[Tile, tuple[Shape, ...]]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets at fixed tiles."""
        return self.with_tiles(())

    def with_tiles(self, chosen: Wanted) -> tuple[Target, ...]:
        """The targets at fixed tiles and at those that were chosen for frames."""
        return expand([*fixed(self.rows, self.options), *chosen], self.options)


def plan_export(model: str | Path, options: ExportOptions, say: Progress) -> ExportPlan:
    """What `options` make of a network (shipped name or file); `say` hears what is left out and assumed.

    Raises InputError (network, target, tile, options that contradict one another) and UnavailableError (a
    requested target's package is missing).
    """
    _require_kinds(options)
    _require_max_drop(options)
    rows = rows_of(options, say)
    require_packages(rows)
    network = find_network(model, options.of_network, say)
    for note in network.notes:
        say(note)
    shapes = {frame: shapes_of(frame, options, network) for frame in dict.fromkeys(options.planned_frames)}
    likely = [(row, found[0].tile) for found in shapes.values() for row in rows]
    targets = expand([*fixed(rows, options), *likely], options)
    refuse(targets, options)
    network.refuse(options.of_network, tuple(dict.fromkeys(target.tile for target in targets)))
    if options.search and not any(row.calibrated and not backend_of(row.backend).not_timed for row in rows):
        raise InputError("--search chooses INT8 layers, and no such target is asked for: add --precision int8-mixed")
    if options.calibration.folder and options.basis_rank is None and not any(row.calibrated for row in rows):
        raise InputError(
            "--calibration is for INT8 targets and --basis-rank, and neither is asked for: add --precision int8 or "
            "leave it out"
        )
    for row in rows:
        if spoilt := spoilt_here(row.backend, row.precision):
            say(f"{row.name}: {spoilt}: {_UNSEEN}")
    return ExportPlan(options, network, rows, shapes)


def _require_kinds(options: ExportOptions) -> None:
    """For callers in Python, whose mistakes would only be found deep inside."""
    if isinstance(options.targets, str):
        raise InputError(f"expected a tuple of targets, found one text: give ({options.targets!r},)")
    for tile in (*options.tiles, *options.frames):
        if not isinstance(tile, str) and not (isinstance(tile, tuple) and [type(side) for side in tile] == [int, int]):
            raise InputError(f"expected a tile (height, width) of whole LR pixels, found {tile!r}: give (128, 128)")


def _require_max_drop(options: ExportOptions) -> None:
    if not 0 < options.max_drop < math.inf:
        raise InputError(f"expected --max-drop above 0 dB, found {options.max_drop:g}: try --max-drop {MAX_DROP_DB:g}")
    if options.max_drop != MAX_DROP_DB and options.basis_rank is None and not options.search:
        raise InputError(
            "--max-drop is for --basis-rank and --search, and neither is asked for: add one or leave it out"
        )


def rows_of(options: ExportOptions, say: Progress) -> tuple[Row, ...]:
    """The rows asked for; where none is named, those whose packages are here."""
    if options.targets:
        return parse_targets(options.targets, options.precisions)
    asked = parse_targets((), options.precisions)
    rows = tuple(row for row in asked if not row.missing) if options.precisions else installed_targets()
    for row in asked:
        if row not in rows:
            say(f"left out {row.name}: needs {', '.join(row.missing)} ({install_line(row)})")
    return rows


def fixed(rows: Sequence[Row], options: ExportOptions) -> Wanted:
    """Every row at every tile that was given."""
    return [(row, tile) for tile in options.fixed_tiles for row in rows]


def expand(wanted: Wanted, options: ExportOptions) -> tuple[Target, ...]:
    """The targets of rows at tiles, each once. Raises InputError for a tile that is none."""
    return tuple(
        target
        for row, tile in dict.fromkeys(wanted)
        for target in backend_of(row.backend).expand(row, tile, options.of_targets)
    )


def refuse(targets: Sequence[Target], options: ExportOptions) -> None:
    """Raise InputError where there are none, or any of them cannot be with these options."""
    if not targets:
        raise InputError("expected at least one target and one tile, found none: give --to and --tile")
    for backend in backends():
        backend.refuse(options.of_targets, targets)
    for tile in dict.fromkeys(target.tile for target in targets):
        if min(tile) <= DEFAULT_OVERLAP:
            raise InputError(
                f"expected a tile larger than the {DEFAULT_OVERLAP} LR pixels that neighbouring tiles share, found "
                f"{tile[0]}x{tile[1]}: give a larger --tile"
            )


def shapes_of(frame: Tile, options: ExportOptions, network: Network) -> tuple[Shape, ...]:
    """The tiles to be timed for a frame. Raises InputError where none can be exported here."""

    def fits(tile: Tile) -> bool:
        try:
            network.refuse(options.of_network, (tile,))
        except InputError:
            return False
        return True

    network.refuse(options.of_network, ())  # for what is wrong with any tile
    return shapes_for(frame, network.side_step, fits)
