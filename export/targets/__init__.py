"""What can be exported: the table of targets, what a user may ask for, and how it is shown.

`from export.targets import TARGETS, Row, Target` is for users; our own modules name `export.targets.table` and
`export.targets.row`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.targets.row import Row
    from export.targets.table import TARGETS, Target

__all__ = ["TARGETS", "Row", "Target"]

_PLACES = {"Row": "export.targets.row", "TARGETS": "export.targets.table", "Target": "export.targets.table"}


def __getattr__(name: str) -> object:
    """Names of the table, imported when they are asked for."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
