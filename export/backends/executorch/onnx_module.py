"""A graph of ours as a PyTorch module: the same operators in the same order, for `torch.export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from dlgsanet.errors import InputError
from export.backends.executorch.integers import (
    RESTORE,
    ROUND,
    ZEROS,
    PictureSteps,
    Restored,
    RestoredPicture,
    RestoredWeights,
    picture_steps,
    require_weights,
    restore_weights,
)
from export.backends.executorch.operators import ADVICE, OPERATORS, Compute, NodeInputs
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
    """lr (1, 3, H, W) -> sr, by these forms of the operators. Whole numbers are restored anew for each that reads them:
    a delegate takes the pair of both or none. Raises InputError, when it computes, for a form of an operator that has
    none here."""

    def __init__(self, graph: Graph, operators: Mapping[str, Compute] = OPERATORS) -> None:
        super().__init__()
        self._operators = operators
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
        self._restored: dict[str, Restored] = {}
        self._rounding: dict[str, PictureSteps] = {}
        self._steps: list[_Step] = []
        for node in inferred.node:
            self._take(node, arrays)
        for name, array in arrays.items():
            self._keep(name, array)
        self._input, self._output = inferred.input[0].name, inferred.output[0].name

    def forward(self, lr: Tensor) -> Tensor:
        values: dict[str, Tensor] = {self._input: lr}
        for step in self._steps:
            if step.kind == ROUND:
                values[step.outputs[0]] = self._rounding[step.outputs[0]].round(self._value(step.inputs[0], values))
                continue
            given = [self._value(name, values) if name else None for name in step.inputs]
            integers = [self._integers.get(name) for name in step.inputs]
            reals = [self._reals.get(name) for name in step.inputs]
            shapes = [self._shapes[name] for name in step.outputs]
            made = self._operators[step.kind](NodeInputs(step.name, step.attributes, given, integers, reals, shapes))
            values.update(zip(step.outputs, self._as_loaded(step, made), strict=True))
        return values[self._output]

    def _take(self, node: onnx.NodeProto, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Remember a node; a bias in whole numbers is restored now."""
        source, made = node.input[0], node.output[0]
        if node.op_type == RESTORE and source not in arrays:
            self._restored[made] = RestoredPicture(source, picture_steps(node, arrays))
        elif node.op_type == RESTORE and arrays[source].dtype == np.int32:
            arrays[made] = (arrays[source] * arrays[node.input[1]].astype(np.float64)).astype(np.float32)
        elif node.op_type == RESTORE:
            require_weights(node, arrays, ADVICE)
            self._restored[made] = RestoredWeights(source, node.input[1])
            arrays[node.input[1] + ZEROS] = np.zeros(arrays[node.input[1]].shape, np.int64)
        else:
            if node.op_type == ROUND:
                self._rounding[made] = picture_steps(node, arrays)
            step = _Step(node.op_type, node.name, tuple(node.input), tuple(node.output), attributes_of(node))
            self._steps.append(step)

    def _as_loaded(self, step: _Step, made: Sequence[Tensor]) -> Sequence[Tensor]:
        """A restored picture that was filled up with zeros is rounded again: the same values, since zero is a whole
        number. Without it ExecuTorch 1.5.1 takes the result for whole numbers, and XNNPACK refuses the program."""
        with_zeros = step.kind == "Pad" and not any(self._reals.get(name) for name in step.inputs[2:3])
        restored = self._restored.get(step.inputs[0]) if with_zeros else None
        if not isinstance(restored, RestoredPicture):
            return made
        return tuple(restored.steps.restore(restored.steps.round(each)) for each in made)

    def _keep(self, name: str, array: NDArray[np.generic]) -> None:
        self._places[name] = f"constant_{len(self._places)}"
        self.register_buffer(self._places[name], torch.from_numpy(np.array(array)))

    def _value(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """A tensor of reals."""
        restored = self._restored.get(name)
        if isinstance(restored, RestoredPicture):
            return restored.steps.restore(values[restored.numbers])
        if isinstance(restored, RestoredWeights):
            names = (restored.numbers, restored.scales, restored.scales + ZEROS)
            return restore_weights(*(self.get_buffer(self._places[each]) for each in names))
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
