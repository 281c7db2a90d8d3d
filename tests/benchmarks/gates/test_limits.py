from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.gates.limits import DEFAULT, FP32, GATES, INT8, TILING_DROP_MEAN_DB, read_limits
from dlgsanet.errors import InputError


def test_every_default_limit_is_a_limit() -> None:
    for precision, limits in GATES.items():
        if limits is not None:
            for name, value in asdict(limits).items():
                assert 0 < value < math.inf, (precision, name)


def test_a_rougher_precision_is_allowed_more() -> None:
    fine, rough = asdict(FP32), asdict(INT8)
    for name in fine:
        assert (fine[name] > rough[name]) is name.startswith("to_reference"), name


@pytest.mark.parametrize(("suffix", "name"), [("toml", "mine.toml"), ("json", "mine.json"), ("json", "limits.toml")])
def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path, suffix: str, name: str) -> None:
    path = tmp_path / name
    tables = {"int8": {"patch": 20, "shift": 0.05}, "pal6": {"drop_mean_db": 0.2}, "approximate": {"speck": 1.0}}
    lines = [
        line for name, table in tables.items() for line in (f"[{name}]", *(f"{k} = {v}" for k, v in table.items()))
    ]
    path.write_text(json.dumps(tables) if suffix == "json" else "\n".join(lines))
    table = read_limits(path)
    changed = table.of("int8")
    assert changed is not None and (changed.patch, changed.shift, changed.dots) == (20, 0.05, INT8.dots)
    palette = table.of("pal6")
    assert palette is not None and palette.drop_mean_db == 0.2 and palette.patch == math.inf
    approximate = table.of("fp32", approximate=True)
    assert approximate is not None and approximate.speck == 1.0
    assert table.of("int8-mixed") is INT8 and table.of("pal4") is None
    assert table.name != DEFAULT.name == "default" and len(table.name) == 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "such as"),
        ("[int9]\npatch = 1", "did you mean int8"),
        ("[int8]\npach = 1", "unknown field 'pach'"),
        ('[int8]\npatch = "large"', "expected a number"),
        ("[int8]\npatch = -1", "at least 0"),
        ("[int8]\npatch = inf", "finite"),
        ("[int8]\npatch = nan", "finite"),
        ("int8 = 2026-01-01", "expected an object"),
        ("patch = 3", "expected an object"),
        ("[int8", "expected TOML"),
        ("[tiling]\npatch = 1", "expected drop_mean_db alone"),
        ("[tilling]\ndrop_mean_db = 1", "did you mean tiling"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        read_limits(path)
    assert "\n" not in str(error.value)


def test_what_tiles_cost_has_a_limit_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[tiling]\ndrop_mean_db = 0.15")
    table = read_limits(tmp_path / "mine.toml")
    assert (table.tiling_db, dict(table.gates)) == (0.15, dict(DEFAULT.gates))
    assert DEFAULT.tiling_db == TILING_DROP_MEAN_DB


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for name in ("none.toml", "none.json"):
        with pytest.raises(InputError, match="cannot read"):
            read_limits(tmp_path / name)


def test_pictures_of_8_bits_are_allowed_what_rounding_does() -> None:
    exact, rounded = DEFAULT.of("fp16"), DEFAULT.of("fp16", pictures=True)
    assert exact is not None and rounded is not None
    assert rounded.flat_patch == exact.flat_patch + 1 and rounded.dots > exact.dots
    assert rounded.to_reference_mean_db < 10 * math.log10(12 * 255**2) < exact.to_reference_mean_db
    assert (rounded.shift, rounded.drop_mean_db) == (exact.shift, exact.drop_mean_db)
    assert DEFAULT.of("pal4", pictures=True) is None
