"""What LiteRT really runs: which operators its delegate took, and in which precision each layer computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from runtimes.backends.litert.interpreter import Interpreter
from runtimes.runner.work_by_precision import Layer, convolution_macs, count_fault, product_macs

DELEGATE = "DELEGATE"
_RESTORE = "DEQUANTIZE"
_CONVOLUTIONS = {"CONV_2D": (0, (1, 2, 3)), "DEPTHWISE_CONV_2D": (3, (1, 2))}
"""Kind -> the axis of output channels in its weights, and those that are summed over."""

_PRODUCT = "BATCH_MATMUL"
_TYPES = {np.dtype(np.float32): "fp32", np.dtype(np.float16): "fp16", np.dtype(np.int8): "int8"}
Operator = Mapping[str, Any]  # what the interpreter tells of one


def not_delegated(interpreter: Interpreter) -> dict[str, int]:
    """Kind -> how many operators of it run outside of the delegate; empty where it took all."""
    operators = _operators(interpreter)
    left = [each for each in operators if each["op_name"] != DELEGATE]
    made = {int(name): each for each in left for name in each["outputs"]}
    taken: set[int] = set()
    for delegate in (each for each in operators if each["op_name"] == DELEGATE):
        known = {int(name) for name in delegate["inputs"]}
        waiting = [int(name) for name in delegate["outputs"]]
        while waiting:
            name = waiting.pop()
            if name in known or name not in made:
                continue
            known.add(name)
            taken.add(int(made[name]["index"]))
            waiting += [int(source) for source in made[name]["inputs"]]
    kinds = [str(each["op_name"]) for each in left if int(each["index"]) not in taken]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def layers(interpreter: Interpreter) -> Iterator[Layer]:
    """Every convolution and product of matrices."""
    tensors = {int(each["index"]): each for each in interpreter.get_tensor_details()}
    for operator in _operators(interpreter):
        kind = operator["op_name"]
        if kind not in _CONVOLUTIONS and kind != _PRODUCT:
            continue
        source, second = (tensors[int(number)] for number in operator["inputs"][:2])
        out = _sides(tensors[int(operator["outputs"][0])])
        precision = _precision(source)
        if kind == _PRODUCT:
            yield Layer(precision, product_macs(_sides(source), out))
        else:
            outputs, summed = _CONVOLUTIONS[kind]
            weight = _sides(second)
            shape = (weight[outputs], *(weight[axis] for axis in summed))
            yield Layer(precision, convolution_macs(shape, prod(out) // out[-1]))


def reported_precision(interpreter: Interpreter) -> str:
    """How the network computes: `int8` where convolutions read whole numbers and the delegate has all of them, how many
    of them where it has some; else by how its weights are stored."""
    tensors = {int(each["index"]): each for each in interpreter.get_tensor_details()}
    operators = _operators(interpreter)
    reads = [_precision(tensors[int(each["inputs"][0])]) for each in operators if each["op_name"] in _CONVOLUTIONS]
    if wanted := reads.count("int8"):
        left = not_delegated(interpreter)
        return count_fault(wanted, wanted - sum(left.get(kind, 0) for kind in _CONVOLUTIONS)) or "int8"
    made = {int(number) for each in operators for number in each["outputs"]}
    stored = {
        _precision(tensors[int(each["inputs"][0])])
        for each in operators
        if each["op_name"] == _RESTORE and int(each["inputs"][0]) not in made
    }
    return "int8w" if "int8" in stored else "fp16" if "fp16" in stored else "fp32"


def _operators(interpreter: Interpreter) -> Sequence[Operator]:
    return interpreter._get_ops_details()


def _precision(tensor: Mapping[str, Any]) -> str:
    kind = np.dtype(tensor["dtype"])
    return _TYPES.get(kind, str(kind.name))


def _sides(tensor: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(side) for side in tensor["shape"])
