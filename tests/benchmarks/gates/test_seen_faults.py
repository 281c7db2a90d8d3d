"""Every figure that eyes would see fails just beyond its limit, in both directions, and says what it is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.gates.limits import GATES, INT8, INT8W
from benchmarks.gates.seen_faults import over_seen
from runtimes.runner.fidelity.likeness import Likeness, ProbeFigures

NOTHING = Likeness((0, 0, 0), 0, 0, 0, 0, 0, 0, "a", 0, 0, 0, 0, 0, 0, 0, 0)
LIMIT_OF = {
    "blacks": "ends", "whites": "ends", "contrast": "gain", "saturation": "gain",
}  # fmt: skip
FIGURES = (
    *("image_shift", "speck", "line", "step", "dots", "patch", "chroma", "blacks", "whites"),
    *("contrast", "saturation", "detail", "colour_detail"),
)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("sign", [1, -1])
def test_each_figure_has_its_limit(figure: str, sign: int) -> None:
    limit = getattr(INT8W, LIMIT_OF.get(figure, figure))
    assert not [*over_seen(replace(NOTHING, **{figure: sign * limit}), (), INT8W)]
    (line,) = over_seen(replace(NOTHING, **{figure: sign * limit * 1.01}), (), INT8W)
    assert " > " in line and ("levels" in line or "%" in line)


def test_seams_are_a_fault_where_errors_are_larger_there() -> None:
    """With few tiles INT8 may well have its largest errors elsewhere."""
    (line,) = over_seen(replace(NOTHING, seams=1.01 * INT8.seams), (), INT8)
    assert line.startswith("tiles' seams +")
    assert not [*over_seen(replace(NOTHING, seams=-4 * INT8.seams), (), INT8)]
    assert [*over_seen(replace(NOTHING, seams=math.nan), (), INT8)]


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_shift_names_its_channel(channel: int) -> None:
    shift = [0.0, 0.0, 0.0]
    shift[channel] = -3.0
    (line,) = over_seen(replace(NOTHING, shift=(shift[0], shift[1], shift[2])), (), INT8)
    assert line == f"mean shift of {('red', 'green', 'blue')[channel]} -3 levels > {INT8.shift:g}"


def test_probe_tiles_are_named_the_worst_first() -> None:
    names = ("black", "white", "blue", "grey", "red")
    probes = [ProbeFigures(name, (0, 0, 0), 20.0 + index) for index, name in enumerate(names)]
    (line,) = over_seen(None, probes, INT8)
    assert line == f"8x8 patch of flat probe tiles: red 24, grey 23, blue 22 and 2 more levels > {INT8.flat_patch:g}"
    assert not [*over_seen(None, [ProbeFigures("text", (0, 0, 0), 20.0)], INT8)]  # busy tiles have their own limit
    (line,) = over_seen(None, [ProbeFigures("text", (0, -9, 0), 0.0)], INT8)
    assert line == f"mean shift on busy probe tiles: text 9 levels > {INT8.busy_shift:g}"


def test_what_is_not_finite_or_not_there() -> None:
    assert [*over_seen(replace(NOTHING, dots=math.nan), (), INT8)] == ["a grid of dots: not a finite number"]
    assert "nan" in next(over_seen(None, [ProbeFigures("blue", (0, 0, 0), math.nan)], INT8))
    assert not [*over_seen(replace(NOTHING, blacks=None, seams=None, saturation=None), (), INT8)]
    assert not [*over_seen(None, (), INT8)]


def test_checkers_that_came_out_grey_fail_in_every_precision() -> None:
    """Half of black and white everywhere is 127.5 levels off, and its mean is right."""
    grey = ProbeFigures("patterns", (0, 0, 0), 255 / 2)
    for limits in filter(None, GATES.values()):
        assert [*over_seen(None, [grey], limits)]
