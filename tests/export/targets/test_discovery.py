from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from export.backends.backend import Backend
from export.backends.registry import backend_of
from export.targets import choice, discovery, table
from export.targets.discovery import discover

ENTRY = """
from export.backends.backend import Backend
from export.targets.row import Row

BACKEND = Backend(
    name="{name}",
    rows=(Row("{row}", "fp32", "export", (), (), "basis", ".foreign", "a note"),),
    write=lambda order: None,
)
"""


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., discovery.Found]]:
    """(package, text of its module `export`, name) -> what is found where that package is installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(package: str, text: str, name: str = "foreign") -> discovery.Found:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "export.py").write_text(text)
        monkeypatch.setattr(discovery, "_others", lambda: iter([(name, package)]))
        discover.cache_clear()
        return discover()

    yield make
    discover.cache_clear()
    for module in [module for module in sys.modules if module.startswith("brought_")]:
        del sys.modules[module]


def test_our_backends_are_found_in_the_order_of_the_table() -> None:
    found = discover()
    assert tuple(found.entries) == (
        "onnxruntime",
        "openvino",
        "coreml",
        "tensorrt",
        "tensorrt-rtx",
        "litert",
        "executorch",
        "executorch-coreml",
        "executorch-vulkan",
    )
    assert all(isinstance(backend_of(name), Backend) for name in found.entries)


def test_a_backend_of_others_stands_behind_ours(bring: Callable[..., discovery.Found]) -> None:
    found = bring("brought_well", ENTRY.format(name="foreign", row="foreign"))
    assert tuple(found.entries)[-1] == "foreign" and not found.broken
    assert [row.name for row in found.entries["foreign"].rows] == ["foreign-fp32"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("BACKEND = 3", "TypeError: expected brought_badly.export:BACKEND to be a Backend, found int"),
        (ENTRY.format(name="other", row="other"), "ValueError: its entry calls itself 'other'"),
        (ENTRY.format(name="foreign", row="openvino"), "ValueError: its row openvino-fp32 is not of this backend"),
    ],
)
def test_a_broken_one_is_said_and_ours_stay(bring: Callable[..., discovery.Found], text: str, said: str) -> None:
    found = bring("brought_badly", text)
    assert len(found.entries) == 9
    assert found.broken == {"foreign": f"package 'brought_badly' cannot be used: {said}"}


def test_a_name_of_ours_cannot_be_taken(bring: Callable[..., discovery.Found]) -> None:
    found = bring("brought_twice", ENTRY.format(name="openvino", row="openvino"), name="openvino")
    assert isinstance(found.entries["openvino"], Backend) and len(found.entries["openvino"].rows) == 6
    assert "another backend has this name" in found.broken["openvino (brought_twice)"]


def test_asking_for_a_broken_one_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (choice, table):
        monkeypatch.setattr(place, "BROKEN", {"foreign": "package 'f' cannot be used: no"})
    with pytest.raises(InputError, match="cannot export foreign-fp32: package 'f' cannot be used: no"):
        choice.parse_targets(["foreign-fp32"], ())
    with pytest.raises(InputError, match="cannot be used: no"):
        choice.parse_targets(["foreign"], ())
