"""A message, a page or a workflow that names an extra names one that exists and brings what is missing."""

from __future__ import annotations

import re

import pytest

from export.targets.table import TARGETS
from tests.project.repository import ROOT, extras, files, pyproject

NAMED = re.compile(r"(?:dlgsanet-edge|['\" ]\.)\[([\w,-]+)\]")
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "tensorrt_rtx": "tensorrt-rtx",
    "ai_edge_litert": "ai-edge-litert",
}  # where the import has another name


def test_every_extra_that_is_named_exists() -> None:
    texts = [name for name in files() if name.endswith((".py", ".md", ".yml", ".toml", "Makefile"))]
    named = [
        (name, extra)
        for name in texts
        for words in NAMED.findall((ROOT / name).read_text(encoding="utf-8"))
        for extra in words.split(",")
    ]
    assert len(named) > 20
    assert not [pair for pair in named if pair[1] not in extras()]


@pytest.mark.parametrize("row", TARGETS, ids=lambda row: row.name)
def test_a_targets_extras_bring_what_it_imports(row) -> None:
    brought = distributions(row.extras.split(","))
    assert {DISTRIBUTIONS.get(name, name) for name in row.packages} <= brought


def test_a_device_gets_the_core_and_its_backend_and_no_more() -> None:
    everywhere = [requirement for requirement in pyproject()["project"]["dependencies"] if ";" not in requirement]
    names = [re.split("[>=]", requirement)[0] for requirement in everywhere]
    assert names == ["numpy", "pillow", "zlib-ng", "typer", "rich"]
    assert distributions(["openvino"]) == {"openvino"}
    assert distributions(["onnxruntime"]) == {"onnxruntime"}
    assert distributions(["coreml"]) == {"coremltools"}
    assert distributions(["litert"]) == {"ai-edge-litert", "flatbuffers"}
    assert distributions(["executorch"]) == {"executorch", "torchao"}


def test_all_is_everything_but_what_needs_a_machine_or_an_environment_of_its_own() -> None:
    of_its_own = {"all", "dev", "executorch", "fleet", "peers", "server", "site", "tensorrt-rtx", "zoo"}
    others = [name for name in extras() if name not in of_its_own]
    assert distributions(["all"]) == distributions(others)


def distributions(names: list[str]) -> set[str]:
    """What the extras bring, without versions and markers."""
    found = set()
    for requirement in (requirement for name in names for requirement in extras()[name]):
        own = re.fullmatch(r"dlgsanet-edge\[([\w,-]+)\].*", requirement)
        plain = re.match(r"[\w.-]+", requirement)
        assert plain
        found |= distributions(own[1].split(",")) if own else {plain[0]}
    return found
