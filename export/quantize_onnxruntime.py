"""INT8 by ONNX Runtime's quantizer: Q/DQ around the same convolutions as for OpenVINO, in a process of its own.

Two profiles from the same tiles: u8 activations with zero points and s8 weights per channel, the form that ONNX
Runtime's CPU kernels fuse into QLinearConv; and for TensorRT symmetric s8 for both, biases and what leaves a
convolution in floats. Run as `python -m export.quantize_onnxruntime` it reads a job as JSON from its standard input.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.quantized_layers import stays

# Its defaults do not parse in TensorRT: zero points that are not 0, biases in int32.
_FOR_TENSORRT = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "OpTypesToExcludeOutputQuantization": ["Conv"],
}


def quantize(source: Path, target: Path, tiles: NDArray[np.float32], *, tensorrt: bool = False) -> None:
    """Write the INT8 form of an fp32 ONNX file; `tiles`: (N, 3, H, W) float32, the network's input.

    `tensorrt` chooses its profile. Raises RuntimeError when no convolution is left to quantize.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    logging.getLogger().setLevel(logging.ERROR)
    model = onnx.load(source)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    kept = [node.name for node in convolutions if _groups(node) > 1 or stays(node.name)]
    if len(kept) == len(convolutions):
        raise RuntimeError("no dense convolution of this network can be quantized")
    quantize_static(
        source,
        target,
        _reader(model.graph.input[0].name, tiles),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=kept,
        per_channel=True,
        activation_type=QuantType.QInt8 if tensorrt else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options=_FOR_TENSORRT if tensorrt else {},
    )


def _groups(node: Any) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)


def _reader(name: str, tiles: NDArray[np.float32]) -> Any:
    """What ONNX Runtime draws calibration inputs from."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._tiles: Iterator[NDArray[np.float32]] = iter(tiles)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            tile = next(self._tiles, None)
            return None if tile is None else {name: tile[None]}

    return Reader()


if __name__ == "__main__":
    job = json.load(sys.stdin)
    learnt = np.load(job["tiles"], allow_pickle=False)
    quantize(Path(job["source"]), Path(job["target"]), learnt, tensorrt=job.get("tensorrt", False))
