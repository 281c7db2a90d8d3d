"""The ports that every graph of ours has, around a network that takes pixels in its own form."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.graph.build import INPUT, OUTPUT
from runtimes.bundle.foreign import Pixels, Triple

TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]


def with_picture_ports(model: onnx.ModelProto, pixels: Pixels, tile: tuple[int, int], scale: int) -> onnx.ModelProto:
    """`lr` (1, 3, H, W) -> `sr` (1, 3, sH, sW), float32, RGB in [0, 1]; nothing is added that changes nothing."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    _free_names(graph)
    given, gave = graph.input[0].name, graph.output[0].name
    before = _Chain(graph, INPUT, "picture_in")
    if pixels.channels == "bgr":
        before.turn_channels()
    if pixels.top != 1:
        before.node("Mul", np.float32(pixels.top))
    if any(pixels.mean):
        before.node("Sub", _column(pixels.mean))
    if pixels.deviation != (1.0, 1.0, 1.0):
        before.node("Div", _column(pixels.deviation))
    if pixels.layout == "NHWC":
        before.transpose(TO_NHWC)
    after = _Chain(graph, gave, "picture_out")
    if pixels.layout == "NHWC":
        after.transpose(TO_NCHW)
    if pixels.output == "normalized":
        after.node("Mul", _column(pixels.deviation) / np.float32(pixels.top))
        after.node("Add", _column(pixels.mean) / np.float32(pixels.top))
    elif pixels.top != 1:
        after.node("Mul", np.float32(1 / pixels.top))
    if pixels.channels == "bgr":
        after.turn_channels()
    _join(graph, given, before, gave, after)
    (h, w), floats = tile, TensorProto.FLOAT
    graph.input[0].CopyFrom(helper.make_tensor_value_info(INPUT, floats, [1, 3, h, w]))
    graph.output[0].CopyFrom(helper.make_tensor_value_info(OUTPUT, floats, [1, 3, h * scale, w * scale]))
    return made


class _Chain:
    """Nodes one behind the other, from a tensor."""

    def __init__(self, graph: onnx.GraphProto, start: str, scope: str) -> None:
        self._graph, self._scope = graph, scope
        self.start, self.end = start, start
        self.nodes: list[onnx.NodeProto] = []

    def node(self, kind: str, constant: NDArray[np.generic] | np.generic, **attributes: object) -> None:
        name = f"{self._scope}.{kind}"
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(constant), f"{name}.value"))
        self._add(kind, [self.end, f"{name}.value"], name, **attributes)

    def turn_channels(self) -> None:
        """RGB and BGR, the one from the other."""
        self.node("Gather", np.asarray([2, 1, 0], np.int64), axis=1)

    def transpose(self, order: list[int]) -> None:
        self._add("Transpose", [self.end], f"{self._scope}.Transpose", perm=order)

    def _add(self, kind: str, inputs: list[str], name: str, **attributes: object) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.end = name


def _free_names(graph: onnx.GraphProto) -> None:
    """Call the network's own tensors otherwise where they have the names of our ports."""
    ports = {INPUT: graph.input[0].name, OUTPUT: graph.output[0].name}
    called = {name: f"own.{name}" for name, port in ports.items() if name != port}
    for node in graph.node:
        node.input[:] = [called.get(name, name) for name in node.input]
        node.output[:] = [called.get(name, name) for name in node.output]
    for named in (*graph.input, *graph.output, *graph.initializer):
        named.name = called.get(named.name, named.name)


def _join(graph: onnx.GraphProto, given: str, before: _Chain, gave: str, after: _Chain) -> None:
    """Both chains and the graph in one line, whose ends are called INPUT and OUTPUT."""
    last = gave if after.nodes else OUTPUT
    for node in graph.node:
        node.input[:] = [before.end if name == given else last if name == gave else name for name in node.input]
        node.output[:] = [last if name == gave else name for name in node.output]
    if after.nodes:
        after.nodes[-1].output[0] = OUTPUT
    whole = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:]
    graph.node.extend(whole)


def _column(values: Triple) -> NDArray[np.float32]:
    return np.asarray(values, np.float32).reshape(1, 3, 1, 1)
