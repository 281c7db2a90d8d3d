"""The picture of the imports: what stands where, and which lines it leaves out."""

from __future__ import annotations

from xml.etree import ElementTree

from docs.tables.imports import direct, floors, picture

CHAIN = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset[str]()}
CIRCLE = {"top": frozenset("xy"), "x": frozenset("y"), "y": frozenset("xz"), "z": frozenset[str]()}


def test_a_folder_stands_above_what_it_imports() -> None:
    assert floors(CHAIN) == {"c": 0, "b": 1, "a": 2}
    assert floors(CIRCLE) == {"z": 0, "x": 1, "y": 1, "top": 2}


def test_lines_that_a_longer_way_implies_are_left_out() -> None:
    assert direct(CHAIN) == [("a", "b"), ("b", "c")]


def test_a_circle_stays_whole_in_the_picture() -> None:
    assert {("x", "y"), ("y", "x"), ("y", "z")} < set(direct(CIRCLE))
    assert any(here == "top" for here, _ in direct(CIRCLE))


def test_the_picture_is_an_svg_with_every_package() -> None:
    words = "".join(ElementTree.fromstring(picture()).itertext())
    assert all(f"{name}/" in words for name in ("dlgsanet", "runtimes", "export", "benchmarks"))
