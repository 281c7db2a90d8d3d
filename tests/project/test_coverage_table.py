"""The figure of coverage on the page is what was measured."""

from __future__ import annotations

import json

from docs.tables.coverage import Room, by_package


def test_statements_are_summed_by_package() -> None:
    def file(statements: int, run: int) -> dict[str, dict[str, int]]:
        return {"summary": {"num_statements": statements, "covered_lines": run}}

    measured = {"files": {"export/a.py": file(10, 9), "dlgsanet/x/b.py": file(4, 4), "export/c/d.py": file(30, 21)}}
    found = by_package(json.dumps(measured))
    assert found == [Room("dlgsanet", 4, 4), Room("export", 40, 30)]
    assert found[1].percent == "75.0 %"
