"""What a file would take of the memory, told from its declared operators before any of it is run.

A few bytes can ask for anything: a constant of a size, a picture repeated 200,000 times. What shape inference cannot
follow is held by the limit of the process that runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import onnx
from onnx import TensorProto, helper

from dlgsanet.errors import InputError, shown
from runtimes.bundle.foreign import Layout
from runtimes.machine.memory import available_bytes, limit_to_available
from runtimes.runner.tiling import Tile

MOST = 1 << 30
"""Bytes of one tensor for a picture of up to PIXELS: 20,000 numbers for each pixel, ten times what networks take that
look at whole windows with many heads."""

PIXELS = 64 * 192  # the largest size that a file is tried at
PROCESS, PER_PIXEL, PER_BYTE = 1 << 30, (3 << 30) // PIXELS, 6
"""Bytes that a process may take that runs a file: anyway, for each pixel, and for each byte of the file."""

_KNOWN = 4096  # numbers of a constant that may be a size, and is followed


def require_modest(model: onnx.ModelProto, layout: Layout, size: Tile) -> None:
    """Raise InputError naming the first node of which one output for a picture of `size` takes more than MOST (in
    proportion where there are more pixels), or more than the machine has."""
    limit = max(MOST, MOST * prod(size) // PIXELS)
    limit = min(limit, available_bytes() or limit)
    try:
        inferred = onnx.shape_inference.infer_shapes(_skeleton(model, layout, size), data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError):
        return  # the engine says better what is wrong with it
    needs = dict(_needs(inferred.graph))
    for node in model.graph.node:
        for name in node.output:
            if needs.get(name, 0) > limit:
                raise InputError(
                    f"node {shown(node.name or name)} ({shown(node.op_type)}) takes {needs[name] / 1e9:,.1f} GB for a "
                    f"picture of {size[0]}x{size[1]}, "
                    f"expected at most {limit / 1e9:.1f} GB: export the network without it"
                )


def limit_process(file_bytes: int, size: Tile) -> None:
    """Let this process take no more than what a network in a file of so many bytes takes for a picture of `size`."""
    limit_to_available(PROCESS + PER_PIXEL * prod(size) + PER_BYTE * file_bytes)


def _skeleton(model: onnx.ModelProto, layout: Layout, size: Tile) -> onnx.ModelProto:
    """The model at one size, without the values of its weights and without what it says of its own tensors."""
    graph, sides = onnx.GraphProto(), (1, *size, 3) if layout == "NHWC" else (1, 3, *size)
    graph.name = "skeleton"
    graph.node.extend(model.graph.node)
    constants = {tensor.name for tensor in model.graph.initializer}
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= _KNOWN:
            graph.initializer.add().CopyFrom(tensor)
        else:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    for value in model.graph.input:
        if value.name not in constants:
            kind = value.type.tensor_type.elem_type
            graph.input.append(helper.make_tensor_value_info(value.name, kind, sides))
    for value in model.graph.output:
        graph.output.append(helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, None))
    made = onnx.ModelProto(ir_version=model.ir_version, graph=graph, functions=model.functions)
    made.opset_import.extend(model.opset_import)
    return made


def _needs(graph: onnx.GraphProto) -> Iterator[tuple[str, int]]:
    """(tensor, bytes) where its sides are all known."""
    for value in (*graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(side.HasField("dim_value") for side in kind.shape.dim):
            yield value.name, prod(side.dim_value for side in kind.shape.dim) * _bytes(kind.elem_type)


def _bytes(kind: int) -> int:
    if kind in (TensorProto.UNDEFINED, TensorProto.STRING):
        return 1
    return int(helper.tensor_dtype_to_np_dtype(kind).itemsize)
