"""A graph of ours as a PyTorch module: the same operators in the same order, for `torch.export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from dlgsanet.errors import InputError
from export.backends.executorch.operators import ADVICE, OPERATORS, NodeInputs
from export.graph.attributes import Attribute, attributes_of
from export.graph.graph import Graph


@dataclass(frozen=True)
class _Step:
    """One node as it is computed."""

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute]


class OnnxModule(nn.Module):
    """lr (1, 3, H, W) -> sr. Raises InputError, when it computes, for a form of an operator that has none here."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        inferred = graph.inferred
        known = (*inferred.value_info, *inferred.output)
        self._shapes = {item.name: tuple(side.dim_value for side in item.type.tensor_type.shape.dim) for item in known}
        arrays = {item.name: numpy_helper.to_array(item) for item in inferred.initializer}
        self._integers = {
            name: tuple(int(each) for each in array.reshape(-1))
            for name, array in arrays.items()
            if array.dtype == np.int64
        }
        self._reals = {
            name: float(array.reshape(()))
            for name, array in arrays.items()
            if array.dtype == np.float32 and array.size == 1
        }
        self._places: dict[str, str] = {}
        self._steps = [
            _Step(node.op_type, node.name, tuple(node.input), tuple(node.output), attributes_of(node))
            for node in inferred.node
        ]
        for name, array in arrays.items():
            self._keep(name, array)
        self._input, self._output = inferred.input[0].name, inferred.output[0].name

    def forward(self, lr: Tensor) -> Tensor:
        values: dict[str, Tensor] = {self._input: lr}
        for step in self._steps:
            given = [self._value(name, values) if name else None for name in step.inputs]
            integers = [self._integers.get(name) for name in step.inputs]
            reals = [self._reals.get(name) for name in step.inputs]
            shapes = [self._shapes[name] for name in step.outputs]
            made = OPERATORS[step.kind](NodeInputs(step.name, step.attributes, given, integers, reals, shapes))
            values.update(zip(step.outputs, made, strict=True))
        return values[self._output]

    def _keep(self, name: str, array: NDArray[np.generic]) -> None:
        self._places[name] = f"constant_{len(self._places)}"
        self.register_buffer(self._places[name], torch.from_numpy(np.array(array)))

    def _value(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """A tensor of reals."""
        return values[name] if name in values else self.get_buffer(self._places[name])


def require_form(graph: Graph) -> None:
    """Raise InputError naming the first operator that has no form here, or none of this kind. Computed without numbers,
    which takes a second; what comes after takes minutes."""
    for node in graph.model.graph.node:
        if node.op_type not in OPERATORS:
            raise InputError(
                f"no form of {node.op_type} ({node.name}) is known for ExecuTorch: {ADVICE}, or export the network "
                "without it"
            )
    shape = tuple(side.dim_value for side in graph.model.graph.input[0].type.tensor_type.shape.dim)
    with torch.no_grad():
        OnnxModule(graph).to("meta")(torch.zeros(shape, device="meta"))
