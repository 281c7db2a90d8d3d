"""INT8 for OpenVINO: NNCF calibrates every convolution once, then any choice of them is made from its ranges.

Calibration takes most of the time and does not depend on which layers are chosen in the end, so a search builds as
many candidates as it likes from one calibrated model. Run as `python -m export.backends.openvino.quantize` it
calibrates, with a job as JSON from its standard input.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.backends.openvino.fp32_layers import keep_fp32
from export.machine.child_process import do_job
from export.quantization.calibrated_graph import CalibrationJob, Quantizer
from export.quantization.layers import ENDS, LOOKED_AT, chosen_by_default, require_finite

if TYPE_CHECKING:
    import openvino

_KINDS = ("Convolution", "GroupConvolution")
_RANGE = "FakeQuantize"
_NOT_COMPUTED = ("Parameter", "Constant", "Result")
_UNBIASED = "/WithoutBiases"  # what the ONNX reader appends to a convolution whose bias became an addition


def learn_ranges(model: openvino.Model, tiles: NDArray[np.float32]) -> openvino.Model:
    """Quantize every convolution of an OpenVINO model: u8 activations with a zero point, s8 weights per channel.
    Biases stay: where NNCF's correction finds them it does harm (docs/studies/precision.md).

    tiles: (N, 3, H, W) float32 in [0, 1], the network's input. Returns a new model with FakeQuantize nodes, from which
    `with_layers` takes some. Raises RuntimeError when no convolution was quantized, InputError naming the first
    one whose range is not finite.
    """
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    require_finite(_largest_inputs(model, tiles[:LOOKED_AT]))
    quantized = nncf.quantize(
        model,
        nncf.Dataset([tile[None] for tile in tiles]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(tiles),
        ignored_scope=nncf.IgnoredScope(types=other_types(model), validate=False),
        advanced_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
    )
    if not any(op.get_type_name() == _RANGE for op in quantized.get_ops()):
        raise RuntimeError("NNCF quantized no convolution of this network")
    learnt = [(name, _node(op, 0)) for name, op in convolutions(quantized)]
    ranges = [(name, op) for name, op in learnt if op.get_type_name() == _RANGE]
    require_finite({name: float(_values(_node(op, 2)).max()) for name, op in ranges})
    return quantized


def convolutions(model: openvino.Model) -> Iterator[tuple[str, openvino.Node]]:
    """Those of an OpenVINO model in the order of the graph, by their names in the ONNX graph."""
    for op in model.get_ordered_ops():
        if op.get_type_name() in _KINDS:
            yield op.get_friendly_name().removesuffix(_UNBIASED), op


def other_types(model: openvino.Model) -> list[str]:
    """Types of operators that a model computes besides convolutions: what NNCF is to leave as it is."""
    return sorted({op.get_type_name() for op in model.get_ops()} - {*_KINDS, *_NOT_COMPUTED})


def dense_by_name(model: openvino.Model) -> dict[str, bool]:
    """The convolutions of an OpenVINO model by their names in the ONNX graph, and whether each is a dense one."""
    return {name: op.get_type_name() == _KINDS[0] for name, op in convolutions(model)}


def learnt_by_name(calibrated: openvino.Model) -> dict[str, bool]:
    """Those of `dense_by_name` that a calibrated model has ranges of. NNCF leaves out what it knows to be worth little,
    such as the two convolutions of a channel attention, which see one pixel."""
    with_ranges = {name for name, op in convolutions(calibrated) if _node(op, 0).get_type_name() == _RANGE}
    return {name: dense for name, dense in dense_by_name(calibrated).items() if name in with_ranges}


def with_layers(model: openvino.Model, calibrated: openvino.Model, chosen: Collection[str]) -> openvino.Model:
    """A copy of the fp32 model whose `chosen` convolutions are quantized as in the calibrated one; all others, their
    inputs and all biases stay as they are. Raises KeyError for a name of which there are no ranges."""
    ranges = learnt_by_name(calibrated)
    made, learnt = model.clone(), {name: op for name, op in convolutions(calibrated) if name in ranges}
    present = dict(convolutions(made))
    inputs: dict[tuple[str, int], openvino.Output] = {}
    for name in sorted(chosen):
        _quantize_input(present[name], learnt[name], inputs)
        _quantize_weight(present[name], learnt[name])
    made.validate_nodes_and_infer_types()
    return made


def _largest_inputs(model: openvino.Model, tiles: NDArray[np.float32]) -> dict[str, float]:
    """Of each convolution's input, by the convolution's name in the order of the graph; NaN wins."""
    import openvino

    tapped = model.clone()
    reading = [(name, op.input(0).get_source_output()) for name, op in convolutions(tapped)]
    read = {_key(source): source for _, source in reading}
    places = {key: place + len(tapped.outputs) for place, key in enumerate(read)}
    tapped.add_outputs(list(read.values()))
    compiled = openvino.Core().compile_model(tapped, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    largest = dict.fromkeys(read, 0.0)
    for tile in tiles:
        found = compiled([tile[None]])
        for key, place in places.items():
            largest[key] = float(np.maximum(largest[key], np.abs(found[compiled.outputs[place]]).max()))
    return {name: largest[_key(source)] for name, source in reading}


def _key(output: openvino.Output) -> tuple[str, int]:
    return output.get_node().get_friendly_name(), output.get_index()


class OpenVinoMaker:
    """`export.quantization.calibrated_graph.Maker` of OpenVINO models."""

    def __init__(self, source: Path, calibrated: Path) -> None:
        import openvino

        core = openvino.Core()
        self._model, self._calibrated = core.read_model(source), core.read_model(calibrated)

    @property
    def layers(self) -> dict[str, bool]:
        return learnt_by_name(self._calibrated)

    @property
    def default(self) -> list[str]:
        return chosen_by_default(self.layers, rounded=False)  # OpenVINO's integer kernels answer in floats

    def write(self, place: Path, chosen: Collection[str]) -> tuple[Path, ...]:
        import openvino

        xml = place.with_suffix(".xml")
        openvino.save_model(with_layers(self._model, self._calibrated, chosen), xml, compress_to_fp16=False)
        if floats := [end for end in ENDS if not any(end in name for name in chosen)]:
            keep_fp32(xml, floats)  # as the exporter does beside bf16; elsewhere they are fp32 already
        return xml, xml.with_suffix(".bin")


NNCF = Quantizer("openvino", "export.backends.openvino.quantize", ".xml", OpenVinoMaker)


def _quantize_input(conv: openvino.Node, learnt: openvino.Node, inputs: dict[tuple[str, int], openvino.Output]) -> None:
    """One FakeQuantize for each tensor, whichever convolutions read it."""
    source = conv.input(0).get_source_output()
    key = _key(source)
    if key not in inputs:
        inputs[key] = _like(_node(learnt, 0), source)
    conv.input(0).replace_source_output(inputs[key])


def _quantize_weight(conv: openvino.Node, learnt: openvino.Node) -> None:
    from openvino import opset13

    root = _node(learnt, 1)
    if root.get_type_name() == _RANGE:
        conv.input(1).replace_source_output(_like(root, conv.input(1).get_source_output()))
        return
    convert = _node(root, 0)  # Multiply(Convert(s8 values), scales): what NNCF makes of plain constants
    values, scales = _values(_node(convert, 0)), _values(_node(root, 1))
    restored = opset13.multiply(opset13.convert(opset13.constant(values), "f32"), opset13.constant(scales))
    conv.input(1).replace_source_output(restored.output(0))


def _like(quantizer: openvino.Node, source: openvino.Output) -> openvino.Output:
    """The output of a FakeQuantize of `source` with another's ranges."""
    from openvino import opset13

    limits = [opset13.constant(_values(_node(quantizer, place))) for place in range(1, 5)]
    made = opset13.fake_quantize(source, *limits, int(quantizer.get_attributes()["levels"]))
    return made.output(0)


def _node(op: openvino.Node, place: int) -> openvino.Node:
    return op.input(place).get_source_output().get_node()


def _values(constant: openvino.Node) -> NDArray[np.generic]:
    """Of a Constant, also one behind the reshapes of the ONNX reader."""
    while constant.get_type_name() != "Constant":
        constant = _node(constant, 0)
    return np.array(constant.data)


def _run(job: CalibrationJob) -> None:
    import openvino

    model = openvino.Core().read_model(job.source)
    calibrated = learn_ranges(model, np.load(job.tiles, allow_pickle=False))
    openvino.save_model(calibrated, Path(job.calibrated), compress_to_fp16=False)


if __name__ == "__main__":
    do_job(CalibrationJob, _run)
