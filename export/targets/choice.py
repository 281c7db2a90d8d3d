"""Which rows of the table of targets are meant, and what a user types to say so."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from dlgsanet.command_line.words import read_tile
from dlgsanet.errors import InputError, UnavailableError, unknown
from export.targets.discovery import discover
from export.targets.row import Row
from export.targets.table import BROKEN, REFUSED, TARGETS, backends, precisions, row_of


def target_names() -> tuple[str, ...]:
    """Everything `--to` accepts: the rows' names and the backends."""
    return (*(row.name for row in TARGETS), *backends())


def parse_targets(to: Sequence[str], precision: Sequence[str]) -> tuple[Row, ...]:
    """The rows asked for, in the table's order; the default ones when neither is given.

    `to` holds row names (`openvino-bf16`) or backends, `precision` precisions. A backend means all its
    precisions but those on request, or those of `precision`; precisions alone mean every backend that has
    them. Raises InputError for an unknown name, and for a pair that cannot be, with the reason.
    """
    for word in precision:
        if word not in precisions():
            raise unknown("precision", word, precisions())
    rows = {row.name: row for row in TARGETS}
    wanted: set[str] = set()
    for word in map(plain_name, to):
        wanted |= _rows_of_word(word, precision, rows)
    if not to:
        chosen = [row for row in TARGETS if row.precision in precision] if precision else default_targets()
        wanted = {row.name for row in chosen}
    return tuple(row for row in TARGETS if row.name in wanted)


def plain_name(word: str) -> str:
    """The table's name for what people type: `TRT-fp16` is `tensorrt-fp16`."""
    called, dash, precision = word.lower().partition("-")
    known = {alias: name for name, entry in discover().entries.items() for alias in entry.aliases}
    return f"{known.get(called, called)}{dash}{precision}"


def _rows_of_word(word: str, precision: Sequence[str], rows: Collection[str]) -> set[str]:
    if word in backends():
        mine = [row for row in TARGETS if row.backend == word]
        plain = [row for row in mine if not row.on_request] or mine
        chosen = precision or [row.precision for row in plain]
        return {row_of(word, each).name for each in chosen}
    if word in rows:
        row = next(row for row in TARGETS if row.name == word)
        if precision and row.precision not in precision:
            raise InputError(
                f"--to {word} and --precision {', '.join(precision)} contradict each other: give --to {row.backend}"
            )
        return {word}
    backend, _, own = word.partition("-")
    if (backend, own) in REFUSED or backend in BROKEN:
        row_of(backend, own)
    raise unknown("target", word, target_names())


def default_targets() -> tuple[Row, ...]:
    """What is exported when nothing is named: not what is for other machines and slow to judge here."""
    return tuple(row for row in TARGETS if not row.on_request and not row.elsewhere)


def installed_targets() -> tuple[Row, ...]:
    """Those of the default rows whose packages this Python has."""
    return tuple(row for row in default_targets() if not row.missing)


def require_packages(rows: Sequence[Row]) -> None:
    """Raise UnavailableError, naming the package and the extra that brings it, if a row cannot be exported."""
    for row in rows:
        if row.missing:
            raise UnavailableError(f"{row.name} needs {', '.join(row.missing)}: {install_line(row)}")


def install_line(row: Row) -> str:
    """What to type to get the packages of a row."""
    return f"pip install 'dlgsanet-edge[{row.extras}]'"


AUTO = "auto"
"""In place of a tile: the best for large pictures."""


def parse_tile(text: str) -> tuple[int, int] | str:
    """A tile as `read_tile` knows it, or AUTO."""
    return AUTO if text == AUTO else read_tile(text, AUTO)


def parse_frame(text: str) -> tuple[int, int]:
    """`1920x1080` (width x height, as frames are called) as (H, W); InputError for anything else."""
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text.lower(), re.ASCII)
    if found is None:
        raise InputError(f"expected a frame such as 1920x1080 (width x height), found {text!r}: correct --frame")
    return int(found[2]), int(found[1])
