"""Whole numbers that stand for reals, as ExecuTorch's delegates know them: pairs of `quantize` and `dequantize`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.ao.quantization.fx import _decomposed  # noqa: F401  (registers torch.ops.quantized_decomposed)

from dlgsanet.errors import InputError

ROUND, RESTORE = "QuantizeLinear", "DequantizeLinear"
ZEROS = "/zeros"
"""Beside the name of weights' scales: their zero points, which the delegate wants as a constant."""

_SHIFT = 128  # ONNX Runtime's profile counts activations from 0 to 255, XNNPACK from -128 to 127
_INT8 = (-128, 127, torch.int8)

Constants = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class PictureSteps:
    """One step for a whole picture: a real is (number - zero) x scale."""

    scale: float
    zero: int

    def round(self, x: Tensor) -> Tensor:
        made: Tensor = torch.ops.quantized_decomposed.quantize_per_tensor(x, self.scale, self.zero, *_INT8)
        return made

    def restore(self, numbers: Tensor) -> Tensor:
        made: Tensor = torch.ops.quantized_decomposed.dequantize_per_tensor(numbers, self.scale, self.zero, *_INT8)
        return made


@dataclass(frozen=True)
class RestoredPicture:
    """What `numbers` (a name) stand for."""

    numbers: str
    steps: PictureSteps


@dataclass(frozen=True)
class RestoredWeights:
    """What the constant `numbers` stands for, with one step (`scales`, a constant) for each place of its first axis."""

    numbers: str
    scales: str


Restored = RestoredPicture | RestoredWeights


def restore_weights(numbers: Tensor, scales: Tensor, zeros: Tensor) -> Tensor:
    made: Tensor = torch.ops.quantized_decomposed.dequantize_per_channel(numbers, scales, zeros, 0, *_INT8)
    return made


def picture_steps(node: onnx.NodeProto, constants: Constants) -> PictureSteps:
    """Of a node that rounds or restores a picture. Raises InputError for another type than uint8, or several steps."""
    scale, zero = constants[node.input[1]], constants[node.input[2]]
    if zero.dtype != np.uint8 or zero.size != 1:
        raise InputError(f"{node.name}: expected one zero point in uint8, found {zero.size} in {zero.dtype}")
    return PictureSteps(float(scale.reshape(())), int(zero.reshape(())) - _SHIFT)


def require_weights(node: onnx.NodeProto, constants: Constants, advice: str) -> None:
    """Raise InputError where a node restores weights that XNNPACK does not know."""
    scale, zero = constants[node.input[1]], constants[node.input[2]]
    if np.any(zero) or scale.ndim != 1:
        raise InputError(f"{node.name}: XNNPACK knows weights without zero points, a step for each channel: {advice}")
