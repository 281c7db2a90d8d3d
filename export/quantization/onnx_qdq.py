"""INT8 as Q/DQ in ONNX: every convolution calibrated once, then any choice of them made from those ranges.

Two profiles: u8 activations with zero points and s8 weights per channel, the form that ONNX Runtime's CPU kernels fuse
into QLinearConv; and for TensorRT symmetric s8 for both, biases and what leaves a convolution in floats. Run as
`python -m export.quantization.onnx_qdq` it calibrates, with a job as JSON from its standard input.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.machine.child_process import do_job
from export.quantization.calibrated_graph import CalibrationJob, Quantizer
from export.quantization.layers import LOOKED_AT, chosen_by_default, require_finite

if TYPE_CHECKING:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader

# A tensor's range is the mean over the tiles of what each has, as NNCF learns it: 1 to 2 dB nearer to the reference
# than the extremes of all tiles (nano, x2 and x4, the mean of Set5 and of B100).
_RANGES = {"CalibMovingAverage": True}

# Its defaults do not parse in TensorRT: zero points that are not 0, biases in int32.
_SYMMETRIC = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "OpTypesToExcludeOutputQuantization": ["Conv"],
}


def learn_ranges(source: Path, target: Path, tiles: NDArray[np.float32], *, symmetric: bool = False) -> None:
    """Write an fp32 ONNX file with Q/DQ pairs around all its convolutions; `tiles`: (N, 3, H, W) float32, the network's
    input. `symmetric` chooses TensorRT's profile. Raises InputError naming the convolution whose range is not
    finite."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    logging.getLogger().setLevel(logging.ERROR)
    require_finite(_largest_inputs(onnx.load(source), tiles[:LOOKED_AT]))
    with np.errstate(all="ignore"):  # ranges that are not finite are told below, by name
        quantize_static(
            source,
            target,
            _reader(onnx.load(source).graph.input[0].name, tiles),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options=_RANGES | (_SYMMETRIC if symmetric else {}),
        )
    require_finite(_input_scales(onnx.load(target)))


def dense_by_name(model: onnx.ModelProto) -> dict[str, bool]:
    """The convolutions of an ONNX model by name, and whether each is a dense one."""
    return {node.name: _groups(node) == 1 for node in model.graph.node if node.op_type == "Conv"}


def with_layers(model: onnx.ModelProto, calibrated: onnx.ModelProto, chosen: Collection[str]) -> onnx.ModelProto:
    """The fp32 model with its `chosen` convolutions between Q/DQ pairs as in the calibrated one; all others, their
    inputs and their weights stay as they are."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:]
    pairs = _Pairs(calibrated)
    learnt = {node.name: node for node in calibrated.graph.node if node.op_type == "Conv"}
    for node in model.graph.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [pairs.made.get(name, name) for name in node.input]
        if node.name not in chosen:
            made.graph.node.append(copy)
            continue
        inputs = learnt[node.name].input
        copy.input[:] = [pairs.restored(name, f"{node.name}.restored_{place}") for place, name in enumerate(inputs)]
        output = pairs.quantized(node.output[0])
        made.graph.node.extend((*pairs.take(), copy, *output))
    _keep_initializers(made, model, calibrated)
    onnx.checker.check_model(made)
    return made


class OnnxRuntimeMaker:
    """`export.quantization.calibrated_graph.Maker` of ONNX files."""

    def __init__(self, source: Path, calibrated: Path) -> None:
        import onnx

        self._model, self._calibrated = onnx.load(source), onnx.load(calibrated)

    @property
    def layers(self) -> dict[str, bool]:
        return dense_by_name(self._model)

    @property
    def default(self) -> list[str]:
        return chosen_by_default(self.layers, rounded=_Pairs(self._calibrated).outputs_round)

    def write(self, place: Path, chosen: Collection[str]) -> tuple[Path, ...]:
        import onnx

        path = place.with_suffix(".onnx")
        onnx.save(with_layers(self._model, self._calibrated, chosen), path)
        return (path,)


class _Pairs:
    """The Q and DQ nodes of a calibrated model, handed out once each. `outputs_round`: whether they stand behind its
    convolutions, too. `made`: tensor -> what reads it must read, where a chosen convolution made it."""

    def __init__(self, calibrated: onnx.ModelProto) -> None:
        self._by_output = {node.output[0]: node for node in calibrated.graph.node if "Linear" in node.op_type}
        self._reading = {node.input[0]: node for node in calibrated.graph.node if node.op_type == "QuantizeLinear"}
        made = [node.output[0] for node in calibrated.graph.node if node.op_type == "Conv"]
        self.outputs_round = all(name in self._reading for name in made)
        self._there: set[str] = set()
        self._waiting: list[onnx.NodeProto] = []
        self.made: dict[str, str] = {}

    def restored(self, name: str, new: str) -> str:
        """The name that a dequantized input has in the new graph; its nodes wait to be taken. A constant gets the name
        `new`: the calibrated model calls a dequantized bias as the fp32 one calls the bias."""
        if name not in self._by_output:  # a bias that stayed in floats
            return name
        restore = self._by_output[name]
        quantize = self._by_output.get(restore.input[0])
        if quantize is not None:
            self._wait(quantize, restore)
            return name
        import onnx

        copy = onnx.NodeProto()
        copy.CopyFrom(restore)
        copy.name = copy.output[0] = new
        self._waiting.append(copy)
        return new

    def quantized(self, tensor: str) -> list[onnx.NodeProto]:
        """The pair behind a tensor that a chosen convolution makes; none in TensorRT's profile."""
        if not self.outputs_round:
            return []
        quantize = self._reading[tensor]
        restore = next(node for node in self._by_output.values() if node.input[0] == quantize.output[0])
        self.made[tensor] = restore.output[0]
        self._there.add(restore.output[0])
        return [quantize, restore]

    def take(self) -> list[onnx.NodeProto]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _wait(self, quantize: onnx.NodeProto, restore: onnx.NodeProto) -> None:
        if restore.output[0] not in self._there:
            self._there.add(restore.output[0])
            self._waiting += [quantize, restore]


def _keep_initializers(made: onnx.ModelProto, *sources: onnx.ModelProto) -> None:
    wanted = {name for node in made.graph.node for name in node.input}
    for source in sources:
        for tensor in source.graph.initializer:
            if tensor.name in wanted:
                made.graph.initializer.append(tensor)
                wanted.remove(tensor.name)


def _largest_inputs(model: onnx.ModelProto, tiles: NDArray[np.float32]) -> dict[str, float]:
    """Of each convolution's input, by the convolution's name in the order of the graph; NaN wins."""
    import onnx
    import onnxruntime

    read = {node.name: node.input[0] for node in model.graph.node if node.op_type == "Conv"}
    given = {value.name for value in (*model.graph.input, *model.graph.output)}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(read.values()) if name not in given
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    source = model.graph.input[0].name
    largest = {source: float(tiles.max())}
    for tile in tiles:
        for name, values in zip(names, session.run(names, {source: tile[None]}), strict=True):
            largest[name] = float(np.maximum(largest.get(name, 0.0), np.abs(values).max()))
    return {conv: largest[name] for conv, name in read.items()}


def _input_scales(calibrated: onnx.ModelProto) -> dict[str, float]:
    """The step of each convolution's input, by the convolution's name."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in calibrated.graph.initializer}
    restored = {node.output[0]: node for node in calibrated.graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in calibrated.graph.node if node.op_type == "Conv" and node.input[0] in restored]
    return {
        node.name: float(numpy_helper.to_array(stored[restored[node.input[0]].input[1]]).max())
        for node in convolutions
    }  # fmt: skip


def _groups(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)


def _reader(name: str, tiles: NDArray[np.float32]) -> CalibrationDataReader:
    """What ONNX Runtime draws calibration inputs from."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._tiles: Iterator[NDArray[np.float32]] = iter(tiles)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            tile = next(self._tiles, None)
            return None if tile is None else {name: tile[None]}

    return Reader()


FUSED = Quantizer("onnx-qdq", "export.quantization.onnx_qdq", ".onnx", OnnxRuntimeMaker)
"""Of ONNX Runtime's profile."""

SYMMETRIC = Quantizer("onnx-qdq-symmetric", "export.quantization.onnx_qdq", ".onnx", OnnxRuntimeMaker)
"""Of TensorRT's profile."""


def _run(job: CalibrationJob) -> None:
    tiles = np.load(job.tiles, allow_pickle=False)
    learn_ranges(Path(job.source), Path(job.calibrated), tiles, symmetric=job.quantizer == SYMMETRIC.name)


if __name__ == "__main__":
    do_job(CalibrationJob, _run)
