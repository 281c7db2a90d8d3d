"""Tiles are timed once for what their times depend on, and anew for everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dlgsanet.errors import UnavailableError
from dlgsanet.storage.shelf import KeptEntries
from export import ExportOptions, export_bundle
from export.bundle import frame_tiles
from export.bundle.kept_times import timed_once
from export.machine import kept as kept_module
from export.machine.kept import NOTHING, Kept
from export.tuning.tile_trials import Times
from runtimes.bundle.manifest import Manifest

TOLD, NAMES = ("network", "target"), ("24x24", "32x48")
TOOK: Times = {"24x24": (1.0, 1.5), "32x48": (3.0, 3.5)}


@pytest.fixture(autouse=True)
def home(own_cache: Path) -> Path:
    return own_cache


@pytest.fixture
def kept() -> Kept:
    return Kept(KeptEntries(), "this machine")


def never() -> Times:
    raise AssertionError("it was timed again")


@pytest.mark.parametrize("change", ["nothing", "network", "machine", "tiles", "off"])
def test_times_are_those_of_what_was_timed(kept: Kept, change: str) -> None:
    assert timed_once(TOLD, NAMES, kept, lambda: TOOK) == TOOK
    if change == "nothing":
        assert timed_once(TOLD, NAMES, kept, never) == TOOK
        return
    told = ("other", *TOLD[1:]) if change == "network" else TOLD
    names = (*NAMES, "64x64") if change == "tiles" else NAMES
    other = {"machine": replace(kept, basis="another machine"), "off": NOTHING}.get(change, kept)
    anew: Times = dict.fromkeys(names, (2.0,))
    assert timed_once(told, names, other, lambda: anew) == anew


@pytest.mark.parametrize(
    "times",
    [{"24x24": [1.0]}, {"24x24": [1.0], "32x48": []}, {"24x24": [1.0], "32x48": [-1.0]}, {"24x24": "fast"}, [1.0]],
)
def test_what_is_no_such_times_is_timed_again(kept: Kept, times: object) -> None:
    kept.keep("tiles", TOLD, {"times.json": json.dumps(times).encode()})
    assert timed_once(TOLD, NAMES, kept, lambda: TOOK) == TOOK
    assert timed_once(TOLD, NAMES, kept, never) == TOOK


def test_what_could_not_be_timed_is_tried_again(kept: Kept) -> None:
    def lacking() -> Times:
        raise UnavailableError("no bf16 here")

    for _ in range(2):
        with pytest.raises(UnavailableError):
            timed_once(TOLD, NAMES, kept, lacking)
    assert timed_once(TOLD, NAMES, kept, lambda: TOOK) == TOOK


@pytest.fixture
def export(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Manifest, int]]:
    """One export for a frame and with two tiles that are given; the manifest, and how often tiles were timed. No plant:
    a real engine in a process of its own."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(frame_tiles, "YARDSTICK", (24, 24))
    options = ExportOptions(("onnxruntime-fp32",), ((24, 24), (24, 48)), frames=((30, 40),))

    def run(**changed: object) -> tuple[Manifest, int]:
        said: list[str] = []
        place = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        made = export_bundle(checkpoint, place, replace(options, **changed), said.append)  # type: ignore[arg-type]
        return made, sum(line.startswith("timing ") for line in said)

    return run


def test_a_second_export_times_no_tile_again(
    export: Callable[..., tuple[Manifest, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, timed = export()
    assert timed == 2  # the tiles for the frame, and the files of the tiles that were given
    second, timed = export()
    assert timed == 0 and replace(first, created=second.created) == second
    assert export(cache=False)[1] == 2
    monkeypatch.setattr(kept_module, "this_machine", lambda: ("another processor",))
    assert export()[1] == 2
