"""The one writer of Markdown tables: of the pages in docs/, of studies and of the cards in bundles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The table without a newline at its end. A row shorter than the head ends in empty cells.

    Raises ValueError for a row that is longer than the head: a page would lose its last cells without a word.
    """
    lines = [_line(head), "|---" * len(head) + "|"]
    for row in rows:
        if len(row) > len(head):
            raise ValueError(f"expected at most {len(head)} cells, found {len(row)}: {row[0]}")
        lines.append(_line([*row, *[""] * (len(head) - len(row))]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
