"""Tiles for frames: the one in which a frame takes least time, by planted times and by the real engine's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.__main__ import main
from dlgsanet.errors import UnavailableError
from export.bundle import frame_tiles
from export.bundle.options import ExportOptions
from export.targets.table import row_of
from export.tuning.tile_shapes import YARDSTICK, shape_of
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.tiling import Tile

FRAME = (90, 160)
SHAPES = {FRAME: tuple(shape_of(tile, FRAME) for tile in ((96, 168), (96, 84)))}
FP32 = row_of("onnxruntime", "fp32")


class Planted:
    """A network whose graphs nobody looks at, and the times of its tiles: ms for each thousand pixels."""

    scale, identity = 4, "planted"

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rates: dict[Tile, float]) -> None:
        self.drafts: list[tuple[Tile, str]] = []
        self.timed: list[str] = []

        def time_tiles(graphs: Any, target: Any, scale: int, say: Any) -> dict[Tile, tuple[float, ...]]:
            self.timed.append(target.row.name)
            return {tile: tuple(rates[tile] * math.prod(tile) / 1e3 * load for load in (1, 3, 1)) for tile in graphs}

        monkeypatch.setattr(frame_tiles, "time_tiles", time_tiles)

    def choose(self, target: Any) -> Any:
        return type("Choice", (), {"lowering": "given"})

    def draft(self, target: Any, lowering: str) -> str:
        self.drafts.append((target.tile, lowering))
        return "graph"


def chooser(network: Any) -> frame_tiles.FrameTiles:
    return frame_tiles.FrameTiles(network, ExportOptions().of_targets, lambda step: None)


@pytest.mark.parametrize(("slow", "best"), [((96, 168), (96, 84)), ((96, 84), (96, 168))])
def test_the_tile_whose_frame_takes_least_time_is_chosen(
    monkeypatch: pytest.MonkeyPatch, slow: Tile, best: Tile
) -> None:
    rates = {YARDSTICK: 2.0, (96, 168): 2.0, (96, 84): 2.0, slow: 3.0}
    (found,) = chooser(Planted(monkeypatch, rates)).choose(FP32, SHAPES).items()
    tile, choice = found
    (plan,) = choice.frames
    assert (
        tile == best and plan.frame == FRAME and plan.cost == plan.computed == round(shape_of(best, FRAME).computed, 4)
    )
    assert choice.pixel_costs == {"128x128": 1.0, f"{best[0]}x{best[1]}": 1.0, f"{slow[0]}x{slow[1]}": 1.5}
    assert choice.yardstick == "128x128" and choice.machine["threads"] and choice.reason == ""


def test_the_yardstick_is_chosen_where_it_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted(monkeypatch, {YARDSTICK: 1.0, (96, 168): 3.0, (96, 84): 3.0})
    assert list(chooser(planted).choose(FP32, SHAPES)) == [YARDSTICK]


def test_graphs_are_drafted_once_for_rows_that_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted(monkeypatch, {YARDSTICK: 1.0, (96, 168): 1.0, (96, 84): 1.0})
    rows = [row_of("openvino", "fp32"), row_of("openvino", "bf16"), row_of("openvino", "int8")]
    found = chooser(planted).choose_all(rows, SHAPES)
    assert [(row.name, tile) for row, tile in found] == [(row.name, (96, 168)) for row in rows]
    assert sorted(planted.drafts) == [((96, 84), "given"), ((96, 168), "given"), (YARDSTICK, "given")]
    assert planted.timed == ["openvino-fp32", "openvino-bf16", "openvino-fp32"]  # INT8 by the times of its float form


def test_what_cannot_be_timed_is_chosen_by_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted(monkeypatch, {})
    ((tile, choice),) = chooser(planted).choose(row_of("coreml", "fp16"), SHAPES).items()
    assert tile == (96, 168) and choice.frames[0].cost is None and "on a Mac" in choice.reason

    def lacking(*_: Any) -> Any:
        raise UnavailableError("no bf16 here")

    monkeypatch.setattr(frame_tiles, "time_tiles", lacking)
    ((tile, choice),) = chooser(planted).choose(FP32, SHAPES).items()
    assert (tile, choice.reason, choice.pixel_costs, choice.machine) == ((96, 168), "no bf16 here", {}, {})


def test_a_bundle_for_a_frame_says_its_plan(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No plant: a real engine in a process of its own. Which of the two tiles is the faster one is not asked."""
    monkeypatch.setattr(frame_tiles, "YARDSTICK", (24, 24))
    out = tmp_path / "b"
    assert main(["export", str(checkpoint), "-o", str(out), "--to", "ort", "--frame", "40x30", "--tile", "24"]) == 0
    artifacts = read_manifest(out).artifacts
    fixed, chosen = artifacts[0], artifacts[-1]  # one and the same where the tile that was given is the faster
    assert fixed.tile == (24, 24)
    assert f"{chosen.id}: 40x30: " in capsys.readouterr().err
    (plan,) = chosen.frames
    assert plan.frame == (30, 40) and plan.cost > 0 and plan.tiles * math.prod(chosen.tile) >= 30 * 40
    assert f"| {plan.computed:.2f} | {plan.cost:.2f} |" in (out / "README.md").read_text()
    assert set(chosen.choice.tile.pixel_costs) >= {"24x24", f"{chosen.tile[0]}x{chosen.tile[1]}"}
    with open_runner(out, "onnxruntime-fp32") as run:
        assert run.tile_for((30, 40)) in (fixed.tile, chosen.tile)
