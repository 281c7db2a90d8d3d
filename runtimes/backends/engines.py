"""The engines that run artifacts: which Python package each is, and how to get it where it is missing."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from dlgsanet.errors import UnavailableError


@dataclass(frozen=True)
class Backend:
    """`module` is the Python package of the engine, `extra` the extra of ours that installs it, `source` what does
    where none can."""

    name: str
    module: str
    extra: str
    source: str = ""

    @property
    def advice(self) -> str:
        """How to get the engine."""
        return self.source or f'install it: pip install "dlgsanet-edge[{self.extra}]"'


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("onnxruntime", "onnxruntime", "onnxruntime"),
        Backend("openvino", "openvino", "openvino"),
        Backend("coreml", "coremltools", "coreml"),
        Backend("tensorrt", "tensorrt", "", "it comes with JetPack, or from NVIDIA's own package index"),
        Backend("tensorrt-rtx", "tensorrt_rtx", "tensorrt-rtx"),
    )
}


def import_engine(name: str) -> ModuleType:
    """Import the engine of backend `name`. Raises UnavailableError with the extra that brings it."""
    backend = BACKENDS[name]
    try:
        return importlib.import_module(backend.module)
    except ImportError as error:
        raise UnavailableError(f"{name} is not usable here ({error}); {backend.advice}") from error
