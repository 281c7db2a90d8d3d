"""Training configurations: typed, complete, unknown keys refused."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.errors import InputError
from dlgsanet.training.configuration.read import config_from_dict, read_config
from dlgsanet.training.configuration.sections import ImageFolder
from dlgsanet.training.loop import learning_rate

CONFIGS = Path(__file__).parents[4] / "configs"
GOOD: dict[str, Any] = {
    "model": {"variant": "nano", "scale": 4},
    "data": {"train": "photos"},
    "schedule": {"steps": 10},
}


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {**GOOD, section: {**GOOD.get(section, {}), **values}}


def test_every_recipe_in_the_repository_reads() -> None:
    recipes = sorted(CONFIGS.glob("*.toml"))
    assert recipes
    for recipe in recipes:
        config = read_config(recipe)
        assert recipe.stem.startswith(f"{config.model.variant}-x{config.model.scale}")


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("variant", ["nano", "tiny", "light", "full"])
def test_recipes_of_the_paper(variant: str, scale: int) -> None:
    """DIV2K, LR patches of 48, batch 16, L1, Adam 5e-4, halved at 250k/400k/450k/475k of 500k steps, EMA 0.999."""
    config = read_config(CONFIGS / "div2k" / f"{variant}-x{scale}.toml")
    assert (config.model.variant, config.model.scale, config.model.start_from) == (variant, scale, "")
    assert (config.data.patch, config.data.batch, config.data.candidates) == (48, 16, 1)
    assert config.optimizer.betas == (0.9, 0.99) and config.optimizer.ema == 0.999
    assert config.loss.kind == "l1" and config.loss.fft == 0 and not config.distill.teacher and not config.stages
    for step, rate in ((0, 5e-4), (249_999, 5e-4), (250_000, 2.5e-4), (400_000, 1.25e-4), (475_000, 3.125e-5)):
        assert learning_rate(step, config.optimizer.learning_rate, config.schedule) == pytest.approx(rate)
    assert config.schedule.steps == 500_000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed("data", batchh=3), "did you mean batch"),
        ({**GOOD, "modle": {}}, "did you mean model"),
        (changed("model", variant="huge"), "unknown variant"),
        (changed("model", scale="four"), "model.scale"),
        (changed("schedule", steps=0), "schedule.steps above zero"),
        (changed("schedule", kind="cosin"), "did you mean cosine"),
        (changed("run", precision="fp8"), "unknown precision"),
        (changed("optimizer", betas=[0.9]), "two optimizer.betas"),
        ({key: value for key, value in GOOD.items() if key != "data"}, "data.train"),
        ({**GOOD, "data": 3}, r"table \[data\]"),
        (changed("data", train=["a", 3]), r"data\.train"),
        (changed("data", train=[]), r"data\.train to name a folder"),
        (changed("data", lr=["a", "b"]), r"one data\.lr folder for each of the 1"),
        (changed("optimizer", accumulate=3), r"multiple of optimizer\.accumulate = 3, found 16"),
        (changed("optimizer", clip_norm=-1), r"optimizer\.clip_norm of zero or more"),
        (changed("loss", kind="charbonier"), "did you mean charbonnier"),
        (changed("loss", fft=-0.1), r"loss\.fft"),
        (changed("run", compile="yes"), r"run\.compile of type bool"),
        (changed("run", threads=True), r"run\.threads of type int"),
        (changed("run", device="gpu"), "unknown device"),
        ({**changed("run", compile=True), "distill": {"features": 0.1}}, r"run\.compile or distill\.features"),
        ({**GOOD, "stages": {"start": 0.5}}, r"tables \[\[stages\]\]"),
        ({**GOOD, "stages": [{"start": 1.0, "patch": 8}]}, r"stages\.start below 1"),
        ({**GOOD, "stages": [{"start": 0.5, "patch": 8}, {"start": 0.4, "patch": 9}]}, "order of their start"),
        ({**GOOD, "stages": [{"start": 0.5, "patchh": 8}]}, "did you mean patch"),
        ({**GOOD, "stages": [{"start": 0.5, "patch": 8, "lr": ["a"]}]}, "stages.train beside stages.lr"),
        ({**GOOD, "stages": [{"start": 0.5, "patch": 8, "train": ["a", ""]}]}, "stages.train to name a folder"),
        ({**GOOD, "stages": [{"start": 0.5, "patch": 8, "train": "a", "lr": ["b", "c"]}]}, "1 in stages.train"),
    ],
)
def test_refusals(content: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        config_from_dict(content)


def test_not_toml_and_missing(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("x = [")
    with pytest.raises(InputError, match="expected TOML"):
        read_config(tmp_path / "a.toml")
    with pytest.raises(InputError, match="check the path"):
        read_config(tmp_path / "b.toml")


def test_differences_name_the_fields() -> None:
    one = config_from_dict(GOOD)
    other = config_from_dict(changed("data", batch=8))
    assert one.differences(asdict(one)) == []
    assert one.differences(one.stored()) == []
    assert one.differences(asdict(other)) == ["data.batch"]
    staged = config_from_dict({**GOOD, "stages": [{"start": 0.5, "patch": 64}]})
    assert one.differences(staged.stored()) == ["stages"] and staged.differences(staged.stored()) == []


def test_keys_that_a_stored_configuration_lacks_are_defaults() -> None:
    stored = {**config_from_dict(GOOD).stored()}
    for table in ("loss", "distill", "stages"):
        del stored[table]
    assert config_from_dict(GOOD).differences(stored) == []
    assert config_from_dict(changed("loss", fft=0.1)).differences(stored) == ["loss.fft"]
    newer = {**stored, "run": {**stored["run"], "magic": 1}}
    assert config_from_dict(GOOD).differences(newer) == ["run.magic"]


def test_stages_change_patch_and_batch() -> None:
    stages = [{"start": 0.3, "patch": 64}, {"start": 0.8, "patch": 96, "batch": 4}]
    config = config_from_dict({**GOOD, "stages": stages})
    first, second, third = config.drawings
    assert [config.drawing(step) for step in (0, 2, 3, 7, 8, 9)] == [first, first, second, second, third, third]
    assert [(one.patch, one.batch) for one in config.drawings] == [(48, 16), (64, 16), (96, 4)]
    assert {one.folders for one in config.drawings} == {(ImageFolder("photos"),)}


def test_stages_may_have_folders_of_their_own() -> None:
    stages = [{"start": 0.3, "patch": 64, "train": ["sharp", "photos"], "lr": ["small", ""]}]
    config = config_from_dict({**GOOD, "stages": stages})
    photos, sharp = ImageFolder("photos"), ImageFolder("sharp", "small")
    assert [one.folders for one in config.drawings] == [(photos,), (sharp, photos)]
    assert config.folders() == (photos, sharp)


def test_stages_of_before_they_had_folders_are_the_same() -> None:
    config = config_from_dict({**GOOD, "stages": [{"start": 0.5, "patch": 64}]})
    stored = {**config.stored(), "stages": [{"start": 0.5, "patch": 64, "batch": 0}]}
    assert config.differences(stored) == []
    stored["stages"][0]["train"] = "others"
    assert config.differences(stored) == ["stages"]


def test_one_folder_or_several() -> None:
    assert config_from_dict(GOOD).data.folders == (ImageFolder("photos"),)
    two = config_from_dict(changed("data", train=["a", "b"], lr=["", "c"]))
    assert two.data.folders == (ImageFolder("a"), ImageFolder("b", "c"))
