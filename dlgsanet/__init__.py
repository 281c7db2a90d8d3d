"""The reference network, its checkpoints, images and metrics. Importing this package imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlgsanet.checkpoints import load_model

__all__ = ["__version__", "load_model"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load `load_model`, and torch with it, on first use only: a device without torch imports this too."""
    if name == "load_model":
        from dlgsanet.checkpoints import load_model

        return load_model
    raise AttributeError(f"module 'dlgsanet' has no attribute {name!r}")
