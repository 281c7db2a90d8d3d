"""The results that we measured, as files; the code that reads them is in `benchmarks.records`.

`from benchmarks.results import read_result, ResultFile` goes on working until 0.3.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.records.accuracy import AccuracyRecord, ImageRow
    from benchmarks.records.latency import LatencyRecord, RatioRecord
    from benchmarks.records.result_file import ResultFile, read_result, write_result

_HOMES = {
    "AccuracyRecord": "accuracy", "ImageRow": "accuracy", "LatencyRecord": "latency", "RatioRecord": "latency",
    "ResultFile": "result_file", "read_result": "result_file", "write_result": "result_file",
}  # fmt: skip
__all__ = [
    "AccuracyRecord", "ImageRow", "LatencyRecord", "RatioRecord", "ResultFile", "read_result", "write_result",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """A name of `benchmarks.records`, imported when it is asked for."""
    if name in _HOMES:
        return getattr(import_module(f"benchmarks.records.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
