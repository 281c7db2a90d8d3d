"""Operations behind a network's output, written once as ONNX for every backend.

Only additions, products, comparisons and moves: a convolution there would be rounded as the precision rounds it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

LR, SR, OUT = "lr", "sr", "out"
PREFIX = "fault"
OPSET = 18


@dataclass
class Tail:
    """A graph under construction; every method returns the name of what it makes.

    `lr` and `sr` are the network's input and output, NCHW of `shape` (height, width of the output in pixels).
    """

    shape: tuple[int, int]
    scale: int
    lr: str = LR
    sr: str = SR
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """One operation."""
        helper = importlib.import_module("onnx.helper")
        name = f"{PREFIX}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def const(self, values: NDArray[Any] | Sequence[float] | float) -> str:
        """A constant: floats become fp32, integers int64."""
        array = np.asarray(values)
        kept = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        name = f"{PREFIX}.value.{len(self.constants)}"
        self.constants.append(importlib.import_module("onnx.numpy_helper").from_array(kept, name))
        return name

    def add(self, left: str, values: NDArray[Any] | float) -> str:
        """`left` + values, broadcast."""
        return self.op("Add", left, self.const(np.asarray(values, np.float32)))

    def mul(self, left: str, values: NDArray[Any] | float) -> str:
        """`left` x values, broadcast."""
        return self.op("Mul", left, self.const(np.asarray(values, np.float32)))

    def clip(self, x: str, low: float, high: float) -> str:
        """Within [low, high]."""
        return self.op("Clip", x, self.const(float(low)), self.const(float(high)))

    def moved(self, x: str, down: int, right: int) -> str:
        """Moved by whole pixels, the edge repeated."""
        height, width = self.shape
        before, after = (max(down, 0), max(right, 0)), (max(-down, 0), max(-right, 0))
        wide = self.op("Pad", x, self.const([0, 0, *before, 0, 0, *after]), mode="edge")
        starts = list(after)
        return self.op(
            "Slice", wide, self.const(starts), self.const([starts[0] + height, starts[1] + width]), self.const([2, 3])
        )

    def mean_of(self, parts: Sequence[str]) -> str:
        """The mean of several."""
        total = parts[0]
        for part in parts[1:]:
            total = self.op("Add", total, part)
        return self.mul(total, 1 / len(parts))

    def where(self, condition: str, yes: str, no: str) -> str:
        """`yes` where the condition holds."""
        return self.op("Where", condition, yes, no)

    def up(self, x: str) -> str:
        """A map of the input's size, each pixel repeated to the output's."""
        sizes = self.const([1.0, 1.0, float(self.scale), float(self.scale)])
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.op("Resize", x, "", sizes, **how)


def tail_model(build: Callable[[Tail], str], shape: tuple[int, int], scale: int) -> Any:
    """The ONNX model of a tail by itself: lr, sr -> out."""
    helper = importlib.import_module("onnx.helper")
    tail = Tail(shape, scale)
    last = build(tail)
    tail.nodes.append(helper.make_node("Identity", [last], [OUT], name=f"{PREFIX}.{OUT}"))
    height, width = shape
    sizes = {LR: (1, 3, height // scale, width // scale), SR: (1, 3, height, width), OUT: (1, 3, height, width)}
    ports = {name: helper.make_tensor_value_info(name, 1, size) for name, size in sizes.items()}
    graph = helper.make_graph(tail.nodes, PREFIX, [ports[LR], ports[SR]], [ports[OUT]], tail.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def append_to_onnx(model: Any, build: Callable[[Tail], str], scale: int) -> None:
    """Put the tail behind the first output of an ONNX model, in place."""
    helper = importlib.import_module("onnx.helper")
    graph = model.graph
    port = graph.output[0]
    height, width = (size.dim_value for size in port.type.tensor_type.shape.dim[2:])
    clean = f"{port.name}.clean"
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name == port.name:
                node.output[index] = clean
    tail = Tail((height, width), scale, graph.input[0].name, clean)
    last = build(tail)
    graph.node.extend([*tail.nodes, helper.make_node("Identity", [last], [port.name], name=f"{PREFIX}.{OUT}")])
    graph.initializer.extend(tail.constants)
