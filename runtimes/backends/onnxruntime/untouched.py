"""A network's own ONNX file, run as it is: no optimization of ours and none of the engine, in fp32 on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlgsanet.errors import BackendError, InputError
from runtimes.backends.onnxruntime import ENGINE
from runtimes.backends.onnxruntime.session import Session, quiet_options
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.machine.processor import available_threads
from runtimes.runner.tiling import Array


@dataclass(frozen=True)
class UntouchedOnnx:
    """(1, 3, H, W) float32, RGB in [0, 1] -> (1, 3, sH, sW), not clamped, for the sizes that the network takes."""

    session: Session
    foreign: Foreign

    def __call__(self, lr: Array) -> Array:
        given = as_given(lr, self.foreign.pixels).astype(self.foreign.dtype)
        try:
            found = self.session.run([self.foreign.output], {self.foreign.input: given})
        except Exception as error:
            size = f"{lr.shape[2]}x{lr.shape[3]}"
            raise BackendError(f"ONNX Runtime failed on the network's own file at {size}: {error}") from error
        return as_picture(found[0].astype(np.float32), self.foreign.pixels)


def open_untouched(path: Path, foreign: Foreign, threads: int | None = None) -> UntouchedOnnx:
    """Raises UnavailableError without ONNX Runtime, InputError for a file that it cannot read."""
    return UntouchedOnnx(open_session(path, threads), foreign)


def open_session(path: Path, threads: int | None = None) -> Session:
    """A session of a file whose graph is run as it is written. Raises UnavailableError without ONNX Runtime, InputError
    for a file that it cannot read."""
    ort = ENGINE.load()
    options: Any = quiet_options(ort, threads or available_threads())
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session: Session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"'{path.name}': ONNX Runtime cannot load it: {error}") from error
    return session


def as_given(lr: Array, pixels: Pixels) -> Array:
    """What a network gets for a picture (1, 3, H, W), RGB in [0, 1]."""
    turned = lr[:, ::-1] if pixels.channels == "bgr" else lr
    scaled = (turned * np.float32(pixels.top) - _column(pixels.mean)) / _column(pixels.deviation)
    return np.ascontiguousarray(scaled.transpose(0, 2, 3, 1) if pixels.layout == "NHWC" else scaled, np.float32)


def as_picture(found: Array, pixels: Pixels) -> Array:
    """The picture (1, 3, sH, sW), RGB in [0, 1], that a network gave."""
    planes = found.transpose(0, 3, 1, 2) if pixels.layout == "NHWC" else found
    if pixels.output == "normalized":
        planes = planes * _column(pixels.deviation) + _column(pixels.mean)
    turned = planes[:, ::-1] if pixels.channels == "bgr" else planes
    return np.ascontiguousarray(turned / np.float32(pixels.top), np.float32)


def _column(values: tuple[float, float, float]) -> Array:
    return np.asarray(values, np.float32).reshape(1, 3, 1, 1)
