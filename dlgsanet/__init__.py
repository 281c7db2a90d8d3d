"""The reference network, its checkpoints, images and metrics. Importing this package imports no torch."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlgsanet.checkpoints import load_model

__all__ = ["__version__", "load_model"]
__version__ = "0.1.0"

if os.environ.get("DLGSANET_TELEMETRY") != "1":
    # What libraries would tell their makers. Here, since nothing of ours loads a library before this module; the
    # environment carries it to the processes that are started. ONNX Runtime (from 1.29 on) reads its switch when it is
    # loaded. OpenVINO and NNCF tell nothing where their sender cannot be imported, and None is how Python refuses that.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def __getattr__(name: str) -> Any:
    """Load `load_model`, and torch with it, on first use only: a device without torch imports this too."""
    if name == "load_model":
        from dlgsanet.checkpoints import load_model

        return load_model
    raise AttributeError(f"module 'dlgsanet' has no attribute {name!r}")
