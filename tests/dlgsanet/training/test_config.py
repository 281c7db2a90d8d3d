"""Training configurations: typed, complete, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlgsanet.imaging.errors import InputError
from dlgsanet.training.config import config_from_dict, read_config

GOOD: dict[str, Any] = {
    "model": {"variant": "nano", "scale": 4},
    "data": {"train": "photos"},
    "schedule": {"steps": 10},
}


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {**GOOD, section: {**GOOD.get(section, {}), **values}}


def test_every_recipe_in_the_repository_reads() -> None:
    recipes = sorted((Path(__file__).parents[3] / "configs").glob("*.toml"))
    assert recipes
    for recipe in recipes:
        assert read_config(recipe).schedule.steps > 0


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
    from dataclasses import asdict

    assert one.differences(asdict(one)) == []
    assert one.differences(asdict(other)) == ["data.batch"]
