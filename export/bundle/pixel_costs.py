"""What a pixel takes in each tile of a new bundle, timed in what was written: `upscale` chooses among tiles by it.

Tiles that were chosen for frames (`frame_tiles`) have been timed before they were; these are all others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from dlgsanet.errors import EdgeError
from dlgsanet.storage.typed_json import to_json
from export.backends.registry import backend_of, timed_tools
from export.bundle.kept_times import timed_once
from export.machine.fingerprint import fingerprint
from export.machine.kept import NOTHING, Kept
from export.tuning.tile_shapes import YARDSTICK
from export.tuning.tile_trials import Times, time_artifacts
from runtimes.bundle.artifact_facts import FormChoice
from runtimes.bundle.manifest import Artifact
from runtimes.bundle.tile_choice import TileChoice

Say = Callable[[str], None]


def with_pixel_costs(
    bundle: Path, artifacts: Sequence[Artifact], scale: int, say: Say, kept: Kept = NOTHING
) -> tuple[Artifact, ...]:
    """The artifacts of a written bundle, where a family has several tiles with what a pixel takes in each. The same
    files are timed once, as long as that is `kept`. What cannot run here is left without, and `say` hears why."""
    families: dict[str, list[Artifact]] = {}
    for it in artifacts:
        if not backend_of(it.backend).not_timed:
            families.setdefault(it.family, []).append(it)
    costed: dict[str, Artifact] = {}
    for family, members in families.items():
        if len(members) > 1 and not all(it.pixel_costs for it in members):
            told = [*(json.dumps(to_json(it), sort_keys=True) for it in members), str(scale)]
            trial = partial(_timed, bundle, members, scale, say)
            try:
                times = timed_once(told, [it.id for it in members], kept, trial)
            except EdgeError as error:
                say(f"warning: {family} takes its tiles by their pixels alone: {error}")
            else:
                costed |= {it.id: it for it in _costed(members, times)}
    return tuple(costed.get(it.id, it) for it in artifacts)


def _timed(bundle: Path, members: Sequence[Artifact], scale: int, say: Say) -> Times:
    say(f"timing {len(members)} tiles of {members[0].family}")
    return time_artifacts(bundle, members, scale)


def _costed(members: Sequence[Artifact], times: Mapping[str, Sequence[float]]) -> list[Artifact]:
    """Each with its cost against a pixel of the yardstick, the median of paired rounds. The yardstick is that of the
    tiles that were chosen for frames, where there are any, so that all costs of a family compare."""
    base = min(members, key=lambda it: (not it.pixel_costs, it.tile != YARDSTICK))
    rate = {it.id: np.array(times[it.id]) / math.prod(it.tile) for it in members}
    costs = {_size(it): round(float(np.median(rate[it.id] / rate[base.id])) * base.pixel_cost, 4) for it in members}
    before = base.choice.tile if base.choice else None
    yardstick = before.yardstick if before and before.pixel_costs else _size(base)
    choice = TileChoice((), yardstick, costs, fingerprint(timed_tools()))
    return [it if it.pixel_costs else _with(it, choice) for it in members]


def _with(artifact: Artifact, tile: TileChoice) -> Artifact:
    chosen = artifact.choice or FormChoice(artifact.lowering, "default")
    frames = chosen.tile.frames if chosen.tile else ()
    return replace(artifact, choice=replace(chosen, tile=replace(tile, frames=frames)))


def _size(artifact: Artifact) -> str:
    return f"{artifact.tile[0]}x{artifact.tile[1]}"
