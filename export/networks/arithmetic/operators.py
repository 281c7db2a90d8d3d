"""Operators for onnx's reference evaluator in the kind of their input, where its own are slow or compute in float32.

What a form here does not cover falls to the evaluator's own. That a network is computed rightly is proven elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_average_pool import AveragePool_19
from onnx.reference.ops.op_conv import Conv as PlainConv
from onnx.reference.ops.op_conv_transpose import ConvTranspose as PlainConvTranspose
from onnx.reference.ops.op_max_pool import MaxPool as PlainMaxPool
from onnx.reference.ops.op_resize import Resize as PlainResize
from torch.nn import functional

from export.networks.arithmetic.resampling import resampled

Values = NDArray[np.float64]
Made = tuple[Any, ...]
Ints = Sequence[int] | None
UNSAID = (None, "NOTSET", b"NOTSET", "")


class Conv(PlainConv):  # type: ignore[misc]
    """Of two dimensions."""

    def _run(
        self, X: Values, W: Values, B: Values | None = None, auto_pad: str | None = None, dilations: Ints = None,
        group: int | None = None, kernel_shape: Ints = None, pads: Ints = None, strides: Ints = None,
    ) -> Made:  # fmt: skip
        if X.ndim != 4 or auto_pad not in UNSAID:
            return tuple(super()._run(X, W, B, auto_pad, dilations, group, kernel_shape, pads, strides))
        top, left, bottom, right = pads or (0, 0, 0, 0)
        x, weight = functional.pad(torch.tensor(X), (left, right, top, bottom)), torch.tensor(W)
        bias = None if B is None else torch.tensor(B)
        return (functional.conv2d(x, weight, bias, _two(strides), 0, _two(dilations), group or 1).numpy(),)


class ConvTranspose(PlainConvTranspose):  # type: ignore[misc]
    """Of two dimensions, with paddings that are cut off."""

    def _run(
        self, X: Values, W: Values, B: Values | None = None, auto_pad: str | None = None, dilations: Ints = None,
        group: int | None = None, kernel_shape: Ints = None, output_padding: Ints = None, output_shape: Ints = None,
        pads: Ints = None, strides: Ints = None,
    ) -> Made:  # fmt: skip
        top, left, bottom, right = pads or (0, 0, 0, 0)
        if X.ndim != 4 or auto_pad not in UNSAID or output_shape or (top, left) != (bottom, right):
            return tuple(
                super()._run(
                    X, W, B, auto_pad, dilations, group, kernel_shape, output_padding, output_shape, pads, strides
                )
            )
        y = functional.conv_transpose2d(
            torch.tensor(X), torch.tensor(W), None if B is None else torch.tensor(B), _two(strides), (top, left),
            tuple(output_padding or (0, 0)), group or 1, _two(dilations),
        )  # fmt: skip
        return (y.numpy(),)


class Erf(OpRun):  # type: ignore[misc]
    """The evaluator's own rounds to float32."""

    def _run(self, x: Values) -> Made:
        return (torch.erf(torch.tensor(x)).numpy(),)


class MaxPool(PlainMaxPool):  # type: ignore[misc]
    """Of two dimensions, within the picture."""

    def _run(self, x: Values, **how: Any) -> Made:
        if not _within(x, how) or len(self.onnx_node.output) > 1:
            return tuple(super()._run(x, **how))
        return (functional.max_pool2d(torch.tensor(x), _two(how["kernel_shape"]), _two(how.get("strides"))).numpy(),)


class AveragePool(AveragePool_19):  # type: ignore[misc]
    """Of two dimensions, within the picture."""

    def _run(self, x: Values, **how: Any) -> Made:
        if not _within(x, how):
            return tuple(super()._run(x, **how))
        return (functional.avg_pool2d(torch.tensor(x), _two(how["kernel_shape"]), _two(how.get("strides"))).numpy(),)


class Resize(PlainResize):  # type: ignore[misc]
    """Along each axis by itself."""

    def _run(
        self, X: Values, roi: object, scales: Values | None = None, sizes: Ints = None, **how: Any
    ) -> Made:  # fmt: skip
        plain = not how.get("antialias") and not how.get("exclude_outside") and how.get("axes") is None
        mode, places = str(how.get("mode")), str(how.get("coordinate_transformation_mode"))
        if not plain or (found := resampled(X, scales, sizes, (mode, places, str(how.get("nearest_mode"))))) is None:
            return tuple(super()._run(X, roi, scales, sizes, **how))
        return (found,)


OPERATORS: tuple[type[OpRun], ...] = (Conv, ConvTranspose, Erf, MaxPool, AveragePool, Resize)


def _two(values: Ints) -> tuple[int, int]:
    rows, cols = values or (1, 1)
    return rows, cols


def _within(x: Values, how: dict[str, Any]) -> bool:
    if x.ndim != 4 or how.get("auto_pad") not in UNSAID or how.get("ceil_mode"):
        return False
    return not any(how.get("pads") or ()) and set(how.get("dilations") or (1,)) == {1}
