"""From a checkpoint to artifacts: rewriting, proof, ONNX, OpenVINO and the bundle writer.

Importing this package imports no torch: `export_bundle` is loaded on first use, so that `dlgsanet formats`
works anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.bundle.options import ExportOptions
    from export.bundle.writer import export_bundle

__all__ = ["ExportOptions", "export_bundle"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from export.bundle import writer as bundle

        return getattr(bundle, name)
    raise AttributeError(f"module 'export' has no attribute {name!r}")
