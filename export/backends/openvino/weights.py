"""Small weight files for OpenVINO: int8 with scales, fp16 where int8 would cost most. They compute as before.

Runs in the converter's process.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from export.backends.openvino.quantize import convolutions
from export.quantization.layers import as_half, is_end

if TYPE_CHECKING:
    import openvino


def store_int8(model: openvino.Model) -> openvino.Model:
    """The model with the weights of its convolutions as s8 values and one scale for each output channel; those of the
    first and the last as fp16. Layers that are INT8 already stay as they are.

    Nothing is calibrated, since no activation changes. The ends alone would cost 7 to 9 dB to the reference, for 1 to
    2 % of the file. Symmetric: zero points would take a tenth more of the file, and none of the shipped networks came
    nearer to the reference by them. Raises RuntimeError when nothing was compressed.
    """
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    ends = [op for name, op in convolutions(model) if is_end(name)]
    for op in ends:
        _store_fp16(op)
    scope = nncf.IgnoredScope(
        names=[op.get_friendly_name() for op in ends],
        types=["MatMul"],  # small constants of the attention's windows
        validate=False,
    )
    compressed = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM, ignored_scope=scope)
    if not any(op.get_type_name() == "Constant" and _is_int8(op) for op in compressed.get_ops()):
        raise RuntimeError("NNCF compressed no weights of this network")
    return compressed


def _store_fp16(convolution: openvino.Node) -> None:
    """Unless they are quantized, or too large for fp16."""
    from openvino import opset13

    weights = convolution.input(1).get_source_output().get_node()
    if weights.get_type_name() != "Constant":
        return
    if (half := as_half(np.array(weights.data))) is not None:
        restored = opset13.convert(opset13.constant(half), "f32")
        convolution.input(1).replace_source_output(restored.output(0))


def _is_int8(constant: openvino.Node) -> bool:
    return bool(constant.get_element_type().get_type_name() == "i8")
