"""What an export will make: rows, tiles and targets, with everything refused that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError
from export.backends.registry import backend_of, backends
from export.bundle.options import ExportOptions
from export.networks.find import find_network
from export.networks.network import Network
from export.targets.choice import install_line, installed_targets, parse_targets, require_packages
from export.targets.row import Row
from export.targets.table import Target
from runtimes.runner.overlap import DEFAULT_OVERLAP

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ExportPlan:
    """An export whose network is read and whose targets can all be."""

    options: ExportOptions
    network: Network
    targets: tuple[Target, ...]


def plan_export(model: str | Path, options: ExportOptions, say: Progress) -> ExportPlan:
    """What `options` make of a network (shipped name or file); `say` hears what is left out and assumed.

    Raises InputError (network, target, tile, options that contradict one another) and UnavailableError (a
    requested target's package is missing).
    """
    rows = rows_of(options, say)
    require_packages(rows)
    network = find_network(model, options.of_network, say)
    for note in network.notes:
        say(note)
    targets = targets_of(rows, options)
    network.refuse(options.of_network, tuple(dict.fromkeys(target.tile for target in targets)))
    if options.search and not any(row.calibrated and not backend_of(row.backend).not_timed for row in rows):
        raise InputError("--search chooses INT8 layers, and no such target is asked for: add --precision int8-mixed")
    if options.calibration.folder and options.basis_rank is None and not any(row.calibrated for row in rows):
        raise InputError(
            "--calibration is for INT8 targets and --basis-rank, and neither is asked for: add --precision int8 or "
            "leave it out"
        )
    return ExportPlan(options, network, targets)


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


def targets_of(rows: Sequence[Row], options: ExportOptions) -> tuple[Target, ...]:
    """Every row at every tile, refused here if any of them cannot be."""
    tiles = tuple(dict.fromkeys(options.tiles))
    if not tiles or not rows:
        raise InputError("expected at least one target and one tile, found none: give --to and --tile")
    targets = tuple(
        target
        for tile in tiles
        for row in rows
        for target in backend_of(row.backend).expand(row, tile, options.of_targets)
    )
    for backend in backends():
        backend.refuse(options.of_targets, targets)
    for tile in tiles:
        if min(tile) <= DEFAULT_OVERLAP:
            raise InputError(
                f"expected a tile larger than the {DEFAULT_OVERLAP} LR pixels that neighbouring tiles share, found "
                f"{tile[0]}x{tile[1]}: give a larger --tile"
            )
    return targets
