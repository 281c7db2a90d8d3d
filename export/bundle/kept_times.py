"""What one network took in several tiles on this machine, between exports: timed once for the same network or files, by
the same code and versions, on this processor."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from dlgsanet.errors import InputError
from dlgsanet.storage import json_text, typed_json
from dlgsanet.storage.shelf import Files
from export.machine.kept import Kept
from export.tuning.tile_trials import Times

_KIND, _FILE = "tiles", "times.json"
_WHAT, _ADVICE = "kept times of tiles", "they are timed again"


def timed_once(told: Sequence[str], names: Collection[str], kept: Kept, time: Callable[[], Times]) -> Times:
    """What `time` gives for these names, or what it gave before where `told` was the same. Raises as that, and then
    nothing is kept."""
    found = _read(kept.recall(_KIND, told), names)
    if found is None:
        found = time()
        kept.keep(_KIND, told, {_FILE: typed_json.encode(found).encode()})
    return found


def _read(files: Files | None, names: Collection[str]) -> Times | None:
    """None for anything but as many positive times for each of these names."""
    try:
        told = json_text.parse((files or {})[_FILE], _WHAT, _ADVICE)
        times: Times = typed_json.decode(Times, told, _WHAT, _ADVICE)  # type: ignore[type-abstract]
    except (KeyError, InputError):
        return None
    rounds = {len(each) for each in times.values()}
    known = set(times) == set(names) and len(rounds) == 1 and 0 not in rounds
    return times if known and all(0 < ms < math.inf for each in times.values() for ms in each) else None
