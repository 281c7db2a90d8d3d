"""Tables made from the code: what is counted in a family of networks, and that nothing is left out."""

from __future__ import annotations

from collections import Counter

import pytest

from docs.tables import reference
from docs.tables.reference import FAMILIES, NETWORKS, code_lines, families, family_files
from export.networks.torch_module.tracing import FAMILIES as LOADERS

AIM = 120
SHARED_BY_ALL = {"arithmetic"}  # folders that are no family's


def test_only_lines_with_code_count() -> None:
    source = '"""What it\nis."""\n\nimport a  # why\n\n\n# said\ndef f(\n    x,\n):\n    """Does."""\n'
    source += '    return """a\nb"""\n'
    assert code_lines(source) == 1 + 3 + 2
    assert code_lines("x = 1\n'alone'\n") == code_lines("x = 1") == 1
    assert code_lines("") == 0


def test_every_module_of_a_family_is_counted_once() -> None:
    counted = Counter(file for places in FAMILIES.values() for place in places for file in family_files(place))
    folders = [path for path in NETWORKS.iterdir() if (path / "__init__.py").is_file()]
    there = {file for folder in folders if folder.name not in SHARED_BY_ALL for file in folder.rglob("*.py")}
    assert {file for file in there if file.read_text(encoding="utf-8").count("\n") > 1} <= set(counted) <= there
    assert set(counted.values()) == {1}


def test_every_loader_has_a_row_and_keeps_to_the_aim() -> None:
    for name in LOADERS:
        (place,) = FAMILIES[f"`{name}`"]
        assert sum(code_lines(file.read_text(encoding="utf-8")) for file in family_files(place)) < AIM


def test_the_table_follows_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = families()
    monkeypatch.setattr(reference, "code_lines", lambda source: code_lines(source + "\nmore = 1\n"))
    assert families() != before
