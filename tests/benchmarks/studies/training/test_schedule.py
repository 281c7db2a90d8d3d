"""Arms are what they say, runs of them go on, and their curves come from their logs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.records.study_file import read_study
from benchmarks.studies.training.schedule import Curve, Curves, app, configuration, curve, plot, read_arms
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.training.configuration.read import read_config

BASE = """
[model]
variant = "nano"
scale = 2
[data]
train = "{folder}/photos"
validation = "{folder}/val"
patch = 8
batch = 2
[schedule]
steps = 2
[run]
device = "cpu"
threads = 1
validate_every = 1
log_every = 1
"""
ARMS = """
base = "base.toml"
[all]
"optimizer.clip_norm" = 1.0
[arms.adam]
[arms.muon]
"optimizer.kind" = "muon"
"optimizer.matrix_rate" = 0.01
"""


@pytest.fixture
def arms(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_picture(tmp_path / "photos" / "a.png", rng.random((40, 48, 3)))
    write_picture(tmp_path / "val" / "b.png", rng.random((24, 24, 3)))
    (tmp_path / "base.toml").write_text(BASE.format(folder=tmp_path))
    (tmp_path / "arms.toml").write_text(ARMS)
    return tmp_path / "arms.toml"


def test_an_arm_changes_what_it_says_and_no_more(arms: Path) -> None:
    known, base = read_arms(arms), read_config(arms.with_name("base.toml"))
    changed = configuration(base, {**known.all, **known.arms["muon"]})
    assert (changed.optimizer.kind, changed.optimizer.matrix_rate, changed.optimizer.clip_norm) == ("muon", 0.01, 1.0)
    assert changed.differences(base.stored()) == ["optimizer.kind", "optimizer.matrix_rate", "optimizer.clip_norm"]


def test_an_arm_may_have_stages_of_its_own_or_none(arms: Path) -> None:
    base = read_config(arms.with_name("base.toml"))
    staged = configuration(base, {"stages": [{"start": 0.5, "patch": 10}]})
    assert [one.patch for one in staged.drawings] == [8, 10]
    assert [one.patch for one in configuration(staged, {"stages": []}).drawings] == [8]


@pytest.mark.parametrize("place", ["optimiser.kind", "optimizer.kynd", "kind", "stages.start"])
def test_a_key_that_no_table_has_is_refused(arms: Path, place: str) -> None:
    with pytest.raises(InputError):
        configuration(read_config(arms.with_name("base.toml")), {place: "muon"})


def test_arms_run_to_their_end_and_their_curves_are_kept(arms: Path, tmp_path: Path) -> None:
    def call(*words: str) -> None:
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output

    runs = tmp_path / "runs"
    call("run", str(arms), "--folder", str(runs), "--cache", str(tmp_path / "cache"))
    call("run", str(arms), "--folder", str(runs), "--cache", str(tmp_path / "cache"), "--arm", "muon")  # nothing left
    call(
        "collect",
        str(runs / "adam"),
        str(runs / "muon"),
        "-o",
        str(tmp_path / "c.json"),
        "--plot",
        str(tmp_path / "c.png"),
    )
    adam, muon = read_study(Curves, tmp_path / "c.json").curves
    assert (adam.name, muon.name) == ("adam", "muon") and adam.steps == muon.steps == (1, 2)
    assert adam.psnr_db != muon.psnr_db and 0 <= adam.seconds[0] <= adam.seconds[1]
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_networks_of_one_scale_share_a_panel(tmp_path: Path) -> None:
    def height(*names: str) -> int:
        plot([Curve(name, (1, 2), (1.0, 2.0), (30.0, 31.0), (0.8, 0.9)) for name in names], tmp_path / "plot.png")
        return Image.open(tmp_path / "plot.png").height

    one = height("muon", "adam")
    assert height("nano-x4", "tiny-x4, on with more") == one
    assert height("nano-x4", "nano-x2, on") > 1.4 * one


def test_a_run_without_validations_and_an_unknown_arm_are_refused(arms: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 0.1}\n')
    with pytest.raises(InputError, match="expected validations"):
        curve(tmp_path)
    with pytest.raises(InputError, match="expected the log of a run"):
        curve(tmp_path / "photos")
    with pytest.raises(InputError, match="adamm"):
        CliRunner().invoke(app, ["run", str(arms), "--folder", "x", "--arm", "adamm"], catch_exceptions=False)


PROJECT = sorted((Path(__file__).parents[4] / "configs" / "studies").glob("*-arms*.toml"))


@pytest.mark.parametrize("place", PROJECT, ids=lambda place: place.stem)
def test_the_arms_of_the_project_fit_their_base(place: Path) -> None:
    known = read_arms(place)
    base = read_config(place.parent / known.base)
    made = {name: configuration(base, {**known.all, **changes}) for name, changes in known.arms.items()}
    assert len(made) > (8 if place.stem == "schedule-arms" else 1) and len(
        {str(config.stored()) for config in made.values()}
    ) == len(made)
