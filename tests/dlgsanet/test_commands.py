"""The verb `train` through the front door."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from dlgsanet import commands
from dlgsanet.__main__ import main
from dlgsanet.commands import TrainOptions, plan_train
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.storage.cache_folder import OFF
from dlgsanet.storage.shelf import KeptEntries

RECIPE = """
model = {{ variant = "nano", scale = 2 }}
data = {{ train = "{train}", patch = 8, batch = 2 }}
schedule = {{ steps = 2 }}
run = {{ threads = 1, device = "cpu" }}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    write_picture(tmp_path / "photos" / "a.png", pixels)
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE.format(train=tmp_path / "photos"))
    return path


def test_dry_run_writes_nothing(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", "--dry-run", str(recipe)]) == 0
    said = capsys.readouterr().err
    assert "2 steps of 2 patches of 8x8" in said and "estimated time" in said and "training images: 1" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_the_plan_holds_the_run_and_writes_nothing(recipe: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    plan = plan_train(TrainOptions(recipe, cache=tmp_path / "cache", output=tmp_path / "run"))
    assert (plan.config.model.variant, plan.config.schedule.steps) == ("nano", 2)
    assert (plan.folder, plan.cache) == (tmp_path / "run", tmp_path / "cache")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_plan_refuses_what_cannot_be(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file"):
        plan_train(TrainOptions(recipe, output=tmp_path / "file" / "run"))
    recipe.write_text("[modell]")
    with pytest.raises(InputError, match="did you mean model"):
        plan_train(TrainOptions(recipe, output=tmp_path / "run"))


def test_the_estimate_as_json(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dry-run", "--json", str(recipe)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["training_images"] == 1 and facts["stages"][0]["steps"] == 2 and facts["seconds"] > 0


def test_of_many_processes_one_speaks(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "_leads", lambda: False)
    assert main(["train", "--dry-run", str(recipe)]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_run_is_named_after_its_recipe(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(recipe)]) == 0
    assert (tmp_path / "runs" / "mine" / "final.safetensors").is_file()


def test_a_dry_run_without_its_images_fails(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe.write_text(RECIPE.format(train=tmp_path / "elsewhere"))
    assert main(["train", "--dry-run", str(recipe)]) == 2
    assert "elsewhere" in capsys.readouterr().err


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(OFF)
    for kind, key, size in (("graphs", "a", 3_000_000), ("graphs", "b", 1_000_000), ("births", "c", 1000)):
        KeptEntries().keep(kind, key, {"": bytes(size)})
    os.utime(tmp_path / "dlgsanet" / "graphs" / "a.kept", (1e9, 1e9))
    return tmp_path / "dlgsanet"


def test_the_cache_is_shown(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0
    out, err = capsys.readouterr()
    graphs, births = sorted(out.splitlines(), reverse=True)
    assert graphs.startswith("graphs") and "2 entries       4.0 MB" in graphs and births.startswith("births")
    assert "used 0 seconds ago, the oldest " in graphs.replace("1 seconds", "0 seconds") and "days" in graphs
    assert f"4.0 MB in {kept}" in err
    assert main(["cache", "show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["limit_bytes"] == 1 << 30 and {it["kind"]: it["entries"] for it in told["kinds"]} == {
        "graphs": 2,
        "births": 1,
    }


def test_the_cache_is_cleared(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear", "graphs"]) == 0
    assert capsys.readouterr().out == f"removed 4.0 MB from {kept}\n"
    assert [it.name for it in kept.rglob("*.kept")] == ["c.kept"]
    assert main(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed_bytes"]["births"] > 1000
    assert not list(kept.rglob("*.kept"))
    assert main(["cache"]) == 0 and "0.0 MB" in capsys.readouterr().err


def test_a_kind_that_there_is_not(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear", "graph"]) == 2
    assert "graphs" in capsys.readouterr().err and list(kept.rglob("*.kept"))
    assert main(["cache", "delete"]) == 2
