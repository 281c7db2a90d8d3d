"""Tiles that were given are timed, too: each picture goes to the one in which it takes least time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.__main__ import main
from dlgsanet.errors import BackendError
from export.bundle import pixel_costs
from export.bundle.pixel_costs import with_pixel_costs
from runtimes import open_runner
from runtimes.bundle.artifact_facts import FormChoice
from runtimes.bundle.manifest import Artifact, read_manifest
from runtimes.bundle.tile_choice import FramePlan, TileChoice
from runtimes.runner.tiling import Tile, nearest_tile

LARGE, SMALL = (48, 48), (24, 48)
PLAN = FramePlan((90, 160), 8, 2, 1.05, 1.1)


@pytest.fixture(scope="module")
def made(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No plant: a real engine times the two tiles of each form."""
    out = tmp_path_factory.mktemp("costs") / "b"
    words = ["export", str(checkpoint), "-o", str(out), "--to", "ort", "--tile", "48,24x48"]
    assert main(words) == 0
    return out


def plant(monkeypatch: pytest.MonkeyPatch, rates: dict[Tile, float]) -> list[list[str]]:
    """ms for each thousand pixels of a tile; what was asked for is appended."""
    asked: list[list[str]] = []

    def time_artifacts(folder: Path, artifacts: Any, scale: int) -> dict[str, tuple[float, ...]]:
        asked.append([it.id for it in artifacts])
        return {
            it.id: tuple(rates[it.tile] * math.prod(it.tile) / 1e3 * load for load in (1, 3, 1)) for it in artifacts
        }

    monkeypatch.setattr(pixel_costs, "time_artifacts", time_artifacts)
    return asked


def plain(bundle: Path) -> tuple[Artifact, ...]:
    """Its artifacts as they are before they are timed."""
    found = read_manifest(bundle).artifacts
    return tuple(replace(it, choice=replace(it.choice, tile=None)) for it in found)


def costed(artifacts: tuple[Artifact, ...], said: list[str] | None = None) -> dict[Tile, Artifact]:
    heard = [] if said is None else said
    return {it.tile: it for it in with_pixel_costs(Path("b"), artifacts, 4, heard.append)}


def test_a_bundle_of_several_tiles_says_what_a_pixel_takes_in_each(made: Path) -> None:
    large, small = read_manifest(made).artifacts
    for it in (large, small):
        assert it.frames == () and it.choice.tile.yardstick == "48x48" and it.choice.tile.machine["threads"]
        assert set(it.pixel_costs) == {"48x48", "24x48"} and it.pixel_costs["48x48"] == 1.0
    with open_runner(made, "onnxruntime-fp32") as run:
        assert run.pixel_costs == {LARGE: 1.0, SMALL: small.pixel_cost}
        cheaper = LARGE if small.pixel_cost >= 1.0 else SMALL
        assert run.tile_for((48, 48), 0) == cheaper  # as many pixels in two small ones as in a large one


@pytest.mark.parametrize(("rate", "taken"), [(1.3, LARGE), (0.7, SMALL)])
def test_the_planted_cheaper_tile_is_taken(made: Path, monkeypatch, rate: float, taken: Tile) -> None:
    plant(monkeypatch, {LARGE: 2.0, SMALL: 2.0 * rate})
    found = costed(plain(made))
    assert {tile: it.pixel_cost for tile, it in found.items()} == {LARGE: 1.0, SMALL: rate}
    costs = {tile: it.pixel_cost for tile, it in found.items()}
    assert nearest_tile(list(costs), (48, 48), 0, costs) == taken


def test_one_tile_is_not_timed_and_what_has_costs_is_left(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plant(monkeypatch, {LARGE: 1.0, SMALL: 1.0})
    alone = plain(made)[:1]
    assert with_pixel_costs(Path("b"), alone, 4, print) == alone
    ready = read_manifest(made).artifacts
    assert with_pixel_costs(Path("b"), ready, 4, print) == ready and asked == []


def test_costs_are_in_the_yardstick_of_the_tiles_chosen_for_frames(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, {LARGE: 1.0, SMALL: 1.5})
    large, small = plain(made)
    chosen = TileChoice((PLAN,), "128x128", {"128x128": 1.0, "48x48": 1.2}, {})
    planned = replace(large, choice=replace(large.choice, tile=chosen))
    found = costed((small, planned))
    assert found[LARGE] == planned
    assert found[SMALL].pixel_cost == pytest.approx(1.8) and found[SMALL].choice.tile.yardstick == "128x128"


def test_what_could_not_be_timed_for_its_frame_keeps_it(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, {LARGE: 1.0, SMALL: 1.5})
    large, small = plain(made)
    planned = replace(large, choice=FormChoice("basis", "given", tile=TileChoice((PLAN,), "128x128", {}, {}, "busy")))
    found = costed((planned, small))
    assert found[LARGE].frames == (PLAN,) and found[LARGE].pixel_cost == 1.0 and found[SMALL].pixel_cost == 1.5


def test_what_cannot_run_here_is_left_without(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise BackendError("it crashed")

    monkeypatch.setattr(pixel_costs, "time_artifacts", fails)
    said: list[str] = []
    found = costed(plain(made), said)
    assert all(it.pixel_costs == {} and it.pixel_cost == 1.0 for it in found.values())
    assert said[-1] == "warning: onnxruntime-fp32 takes its tiles by their pixels alone: it crashed"
    asked = plant(monkeypatch, {})
    elsewhere = tuple(replace(it, backend="coreml") for it in plain(made))
    assert with_pixel_costs(Path("b"), elsewhere, 4, print) == elsewhere and asked == []
