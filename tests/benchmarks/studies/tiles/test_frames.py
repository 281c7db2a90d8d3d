"""Frames in their tiles: timed through the runner, against one tile, and shown by frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.records.environment import describe_environment
from benchmarks.records.statistics import Interval
from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.tiles import frames
from dlgsanet.errors import InputError
from runtimes.backends.torch.runner import TorchRunner
from runtimes.bundle.artifact_facts import FormChoice
from runtimes.bundle.manifest import Artifact, read_manifest
from runtimes.bundle.tile_choice import FramePlan, TileChoice
from runtimes.runner.contract import Runner
from runtimes.runner.tile_family import FamilyRunner
from runtimes.runner.tiling import Array, Tile
from tests.benchmarks.bundles import TILE, make_bundle

CHOSEN = (16, 24)
PLAN = FramePlan((28, 40), 4, 4, 1.37, 1.2)


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Tile]:
    """The tiles that are run; the bundle in tmp_path has a second one, which was chosen for a frame."""
    seen: list[Tile] = []
    make_bundle(tmp_path / "b")
    manifest = read_manifest(tmp_path / "b")
    (first,) = manifest.artifacts
    chosen = FormChoice("basis", "given", tile=TileChoice((PLAN,), "8x8", {"16x24": 1.0}, {}))
    second = replace(first, id=f"{first.family}-16x24", tile=CHOSEN, choice=chosen)
    found = replace(manifest, artifacts=(first, second))

    def repeat(x: Array) -> Array:
        seen.append((x.shape[2], x.shape[3]))
        return x.repeat(2, 2).repeat(2, 3)

    def one(artifact: Artifact) -> Runner:
        return TorchRunner(repeat, 2, artifact.tile, artifact.id)

    def open_runner(bundle: Path, name: str) -> Runner:
        members = [one(artifact) for artifact in found.artifacts if artifact.id.startswith(name)]
        return members[0] if len(members) == 1 else FamilyRunner(name, members)

    monkeypatch.setattr(frames, "read_manifest", lambda bundle: found)
    monkeypatch.setattr(frames, "open_runner", open_runner)
    monkeypatch.setattr(frames, "BASE", TILE)
    monkeypatch.setattr(frames, "BEFORE", 2)
    return seen


def test_frames_run_in_their_tiles_and_in_the_base_ones(seen: list[Tile], tmp_path: Path) -> None:
    family = read_manifest(tmp_path / "b").artifacts[0].family
    found = frames.measure(tmp_path / "b", family, 2)
    (row,) = found.rows
    assert (row.plan, row.tile) == (PLAN, CHOSEN) and row.cost.low <= row.cost.value <= row.cost.high
    rounds = 3  # one of them to warm up
    assert seen.count(CHOSEN) == rounds * PLAN.tiles
    cut = 5 * 7  # tiles of the frame that share two pixels
    assert seen.count(TILE) == rounds * (frames.TILES + cut)
    write_study(tmp_path / "f.json", found)
    assert read_study(frames.FrameCosts, tmp_path / "f.json") == found


def test_a_bundle_without_frames_is_refused(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b")
    family = read_manifest(tmp_path / "b").artifacts[0].family
    with pytest.raises(InputError, match="--tile 128 and --frame"):
        frames.measure(tmp_path / "b", family, 2)


def test_the_table_has_a_line_for_each_frame_smallest_first() -> None:
    small = frames.FrameRow(PLAN, CHOSEN, Interval(1.104, 1.0, 1.2), Interval(1.5, 1.4, 1.6))
    large = frames.FrameRow(replace(PLAN, frame=(90, 160)), CHOSEN, Interval(1.2, 1.1, 1.3), Interval(1.5, 1.4, 1.6))
    lines = frames.table([frames.FrameCosts("n", "e-fp32", 7, describe_environment(), (large, small))]).splitlines()
    assert lines[2] == "| n e-fp32 | 40x28 | 4 of 16 x 24 | 1.37 | 1.20 | **1.10** (1.00 to 1.20) | 1.50 |"
    assert "160x90" in lines[3] and len(lines) == 4


def test_a_pixels_time_is_against_one_of_the_base_tile() -> None:
    found = frames._per_pixel([8.0, 16.0, 8.0], (256, 256), [1.0, 2.0, 1.0])
    assert found.value == pytest.approx(2.0 * frames.TILES) and np.isfinite([found.low, found.high]).all()
