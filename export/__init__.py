"""From a checkpoint to artifacts: rewriting, proof, graphs, backends and the bundle writer.

`from export import ExportOptions, export_bundle` is for users. Importing this package imports no torch: names are
loaded when they are asked for, so that `dlgsanet formats` works anywhere.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.bundle.options import ExportOptions
    from export.bundle.writer import export_bundle

__all__ = ["ExportOptions", "export_bundle"]

_PLACES = {"ExportOptions": "export.bundle.options", "export_bundle": "export.bundle.writer"}


def __getattr__(name: str) -> object:
    """Names of the room, imported when they are asked for."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
