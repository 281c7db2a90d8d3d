"""What an image holds follows from what its Dockerfile installs."""

from __future__ import annotations

import re

from benchmarks.studies.upscale.image_sizes import IMAGES, ImageSizes, Package, packages, table
from tests.project.repository import ROOT


def test_the_extras_are_those_of_the_dockerfiles() -> None:
    for name, extras in IMAGES.items():
        text = (ROOT / f"containers/{name}.Dockerfile").read_text(encoding="utf-8")
        found = re.search(r"/source\[([\w,-]+)\]", text)
        assert (tuple(found[1].split(",")) if found else ()) == extras


def test_what_is_needed_is_weighed_once_and_an_extra_adds_to_it() -> None:
    plain, more = packages(()), packages(("onnxruntime",))
    names = [one.name for one in more]
    assert len(set(names)) == len(names) and {"numpy", "pillow", "onnxruntime"} <= set(names)
    assert {one.name for one in plain} < set(names) and "torch" not in names
    assert more[0].size >= more[-1].size and next(one for one in more if one.name == "numpy").size > 1_000_000


def test_a_row_has_the_sum_and_the_largest() -> None:
    found = ImageSizes({"cpu": (Package("large", "1", 9_000_000), Package("small", "1", 1_000_000))})
    assert table(found).splitlines()[2] == "| `containers/cpu.Dockerfile` | 2 | **10** | large 9, small 1 |"
