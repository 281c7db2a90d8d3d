"""What an export will make: rows, tiles and targets, with everything refused that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dlgsanet.checkpoints import Checkpoint
from dlgsanet.errors import InputError
from export.backends.registry import backend_of, backends
from export.bundle.memory_estimate import require_memory
from export.bundle.options import ExportOptions
from export.rewriting.lowerings import lowering
from export.targets.choice import default_targets, installed_targets, parse_targets
from export.targets.row import Row
from export.targets.table import Target
from runtimes.runner.overlap import DEFAULT_OVERLAP

Progress = Callable[[str], None]


def rows_of(options: ExportOptions, say: Progress) -> tuple[Row, ...]:
    if options.targets:
        return parse_targets(options.targets, ())
    rows = installed_targets()
    for row in default_targets():
        if row not in rows:
            say(f"left out {row.name}: {', '.join(row.missing)} not installed")
    return rows


def targets_of(rows: Sequence[Row], options: ExportOptions, checkpoint: Checkpoint) -> tuple[Target, ...]:
    """Every row at every tile, refused here if any of them cannot be."""
    if options.lowering is not None and not checkpoint.config.dynamic:
        raise InputError(
            f"{checkpoint.name} has static filters, so there is no dynamic convolution to lower: leave --lowering out"
        )
    if options.lowering is not None:
        lowering(options.lowering)
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
        require_memory(checkpoint.config, tile, options.lowering)
    return targets
