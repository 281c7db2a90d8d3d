"""Which convolutions of a network become INT8 where nothing is known of them by name: what each loses by itself is
measured, and as many join as the limit holds."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from dlgsanet.errors import GateError
from export.machine.journal import Journal
from export.quantization.layer_choice.sensitivity import CandidateOpener, Loss, Say, Yardstick, scan
from export.quantization.layers import is_end, units
from runtimes.bundle.int8_choice import DefaultLayers

AIM_DB, AIM_DROP_DB = 54.0, 0.1
"""On calibration tiles, mirrored: the mean to the float graph, 2 dB more than `check` asks of other pictures, and what
the worst tile may lose against its original, two thirds of what `check` allows. A drawn page alone may be far from the
float graph: many networks jump there whatever is done to them."""

SHRINK = 0.75


def layers_by_loss(bench: CandidateOpener, measure: Yardstick, losses: Journal, say: Say) -> DefaultLayers:
    """The convolutions that lose least, dense ones between the first and the last, as many as hold the limit together.

    Raises GateError where these are too few to call the network INT8, and as `export.tuning.lowering_trials` where the
    engine cannot run.
    """
    parts = units(name for name, dense in bench.maker.layers.items() if dense and not is_end(name))
    found = scan(bench, parts, measure, losses, say)
    joining = within(found)
    while joining:
        layers = tuple(sorted(name for unit in joining for name in parts[unit]))
        loss = _together(bench, layers, measure)
        so_many = f"{len(joining)} of {len(parts)} convolutions in INT8"
        say(f"{so_many}: {loss.to_float_db:.1f} dB to the float graph, {loss.drop_worst_db:.3f} dB on the worst tile")
        if not bench.named(layers):
            break
        if loss.to_float_db >= AIM_DB and abs(loss.drop_worst_db) <= AIM_DROP_DB:
            reason = f"{len(joining)} of {len(parts)} by the loss of each, {loss.to_float_db:.1f} dB together"
            return DefaultLayers(layers, "default", reason)
        joining = joining[: min(len(joining) - 1, round(SHRINK * len(joining)))]
    raise GateError(
        f"{bench.target.row.name}: too few of {len(parts)} convolutions can be INT8 within {AIM_DB:g} dB to the float "
        f"graph and {AIM_DROP_DB:g} dB on the worst tile: leave it out, or take int8w"
    )


def within(losses: Mapping[str, Loss]) -> list[str]:
    """Units from the least loss on, whose squared errors together stay within the limit: errors of layers that know
    nothing of each other add up."""
    ordered = sorted(losses, key=lambda unit: losses[unit].squared_error)
    limit = 10 ** (-AIM_DB / 10)
    sums = accumulate(losses[unit].squared_error for unit in ordered)
    return [unit for unit, total in zip(ordered, sums, strict=True) if total <= limit]


def _together(bench: CandidateOpener, layers: Sequence[str], measure: Yardstick) -> Loss:
    with tempfile.TemporaryDirectory() as folder, bench.open(Path(folder), layers, exact=True) as run:
        return measure.loss(run)
