"""The writer of Markdown tables."""

from __future__ import annotations

import pytest

from runtimes.file_formats.markdown import markdown_table


def test_head_rows_and_missing_cells() -> None:
    assert markdown_table(("a", "b", ""), [("1", "2", "3"), ("x",)]).splitlines() == [
        "| a | b |  |",
        "|---|---|---|",
        "| 1 | 2 | 3 |",
        "| x |  |  |",
    ]


def test_a_cell_stays_one_cell() -> None:
    assert markdown_table(("a",), [("one|two\nlines",)]).splitlines()[2] == "| one\\|two lines |"


def test_a_row_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 1 cells, found 2: left"):
        markdown_table(("a",), [("left", "right")])
