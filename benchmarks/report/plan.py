"""The plan of `report`: the result files are read, the place for the page is free. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records.result_file import ResultFile, read_result
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import require_replaceable


@dataclass(frozen=True)
class ReportPlan:
    """What goes on the page, and where the page goes."""

    files: tuple[ResultFile, ...]
    output: Path


def plan_report(results: Sequence[Path], output: Path, *, force: bool) -> ReportPlan:
    """Read the result files.

    Raises InputError: no files, one that is no result file, none with a record, an `output` not called .html (a
    result file must not be overwritten by mistake), a page that is there already (unless `force`).
    """
    if not results:
        raise InputError("expected result files of `check --json` and `bench --json`, found none")
    if output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"expected the page's file name to end in .html, found {output}; correct -o")
    if output.exists() and not force:
        raise InputError(f"{output} exists already: give --force to replace it, or another -o")
    require_replaceable(output)
    files = tuple(read_result(path) for path in results)
    if not any(file.records for file in files):
        raise InputError("the result files hold no records; measure with `check --json` or `bench --json`")
    return ReportPlan(files, output)
