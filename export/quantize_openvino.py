"""INT8 for OpenVINO by NNCF: which layers, and why only these. Runs in the converter's process."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.quantized_layers import stays

QUANTIZED = "Convolution"
"""The dense convolutions, 1x1 and 3x3. Measured on nano x4: depthwise convolutions, matrix products and elementwise
operators in INT8 cost decibels (worst tile 50 dB to the reference down to 44) and gain no time."""

_NOT_COMPUTED = ("Parameter", "Constant", "Result")


def quantize_dense(model: Any, tiles: NDArray[np.float32]) -> Any:
    """Quantize the dense convolutions of an OpenVINO model: u8 activations with a zero point, s8 weights per channel,
    biases corrected.

    tiles: (N, 3, H, W) float32 in [0, 1], the network's input. Returns a new model with FakeQuantize nodes, which the
    engine fuses. Raises RuntimeError when no convolution was quantized.
    """
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    kinds = {op.get_type_name() for op in model.get_ops()} - {QUANTIZED, *_NOT_COMPUTED}
    kept = [name for name in _dense(model) if stays(name)]
    quantized = nncf.quantize(
        model,
        nncf.Dataset([tile[None] for tile in tiles]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(tiles),
        fast_bias_correction=True,
        ignored_scope=nncf.IgnoredScope(names=kept, types=sorted(kinds), validate=False),
    )
    if not any(op.get_type_name() == "FakeQuantize" for op in quantized.get_ops()):
        raise RuntimeError("NNCF quantized no convolution of this network")
    return quantized


def _dense(model: Any) -> list[str]:
    return [op.get_friendly_name() for op in model.get_ops() if op.get_type_name() == QUANTIZED]
