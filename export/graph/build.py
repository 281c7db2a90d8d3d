"""Writing a rewritten network as ONNX: one node per operation, named after the module it came from.

The graph is built here rather than by `torch.onnx.export`: that took 15 to 130 s for these networks, leaves
Python paths and stack traces in the file, and changes with every torch. The rewritten network uses some
twenty operations (`export.graph.operations`), all with fixed shapes, so the translation is a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx, nn

from dlgsanet import __version__
from dlgsanet.errors import BackendError
from export.graph.graph import MAX_RANK
from export.graph.operations import OPERATIONS, convolution, pixel_shuffle
from export.graph.trace import SCOPE, trace

PRODUCER = "dlgsanet-edge"
INPUT, OUTPUT = "lr", "sr"


class GraphWriter:
    """An ONNX graph under construction; equal constants are stored once."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.scope = ""
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self._used: Counter[str] = Counter()

    def node(self, kind: str, inputs: Sequence[str], **attributes: object) -> str:
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def nodes_of(self, kind: str, inputs: Sequence[str], count: int, **attributes: object) -> tuple[str, ...]:
        name = self._unique(".".join(part for part in (self.scope, kind) if part))
        outputs = (name,) if count == 1 else tuple(f"{name}:{index}" for index in range(count))
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=name, **attributes))
        return outputs

    def floats(self, value: float | Tensor, hint: str = "value") -> str:
        if isinstance(value, Tensor):
            return self._constant(value.detach().to("cpu", torch.float32).numpy(), hint)
        return self._constant(np.asarray(value, np.float32), hint)

    def ints(self, values: Sequence[int]) -> str:
        return self._constant(np.asarray(values, np.int64), "ints")

    def _constant(self, array: NDArray[np.generic], hint: str) -> str:
        array = np.ascontiguousarray(array).reshape(array.shape)  # ascontiguousarray makes scalars vectors
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.initializers:
            scope = self.scope if array.size > 1 and array.dtype == np.float32 else ""
            name = self._unique(".".join(part for part in (scope, hint) if part))
            self.initializers[key] = numpy_helper.from_array(array, name)
        return str(self.initializers[key].name)

    def _unique(self, name: str) -> str:
        self._used[name] += 1
        return name if self._used[name] == 1 else f"{name}_{self._used[name]}"


def build_onnx(model: nn.Module, *, name: str, tile: tuple[int, int], scale: int, opset: int) -> onnx.ModelProto:
    """Translate a rewritten network: float32 `lr` (1, 3, H, W) -> `sr` (1, 3, sH, sW), weights cast to float32.

    The result is checked (full check, shapes inferred strictly, at most MAX_RANK dimensions). Raises
    BackendError for an operation that `export.graph.operations` does not know and for a graph that fails the check.
    """
    writer = GraphWriter(opset)
    _translate(trace(model), model, writer)
    h, w = tile
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, h, w])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, 3, h * scale, w * scale])],
        list(writer.initializers.values()),
    )
    opsets = [helper.make_opsetid("", opset)]
    made = helper.make_model(graph, producer_name=PRODUCER, producer_version=__version__, opset_imports=opsets)
    made.ir_version = helper.find_min_ir_version_for(opsets)  # so that older runtimes read it as well
    require_valid(made)
    return made


def require_valid(model: onnx.ModelProto, most: int = MAX_RANK) -> None:
    """Raise BackendError if the model is not valid ONNX or holds a tensor of more than `most` dimensions."""
    try:
        onnx.checker.check_model(model, full_check=True)
        rank = max_rank(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise BackendError(f"the ONNX graph is not valid: {error}; please report this") from error
    if rank > most:
        raise BackendError(f"expected at most {most} dimensions in the ONNX graph, found {rank}: please report this")


def max_rank(model: onnx.ModelProto) -> int:
    """The most dimensions that any tensor of the graph has."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    return max(len(value.type.tensor_type.shape.dim) for value in values)


def _translate(graph: fx.Graph, model: nn.Module, writer: GraphWriter) -> None:
    values: dict[fx.Node, Any] = {}  # names of tensors, parameters, numbers: what torch traced
    result = ""
    for node in graph.nodes:
        writer.scope = node.meta[SCOPE]
        arguments = fx.map_arg((node.args, node.kwargs), lambda used: values[used])
        if node.op == "placeholder":
            values[node] = INPUT
        elif node.op == "get_attr":
            values[node] = _attribute(model, node.target)
        elif node.op == "call_module":
            values[node] = _module(writer, node, model.get_submodule(node.target), arguments[0])
        elif node.op == "output":
            result = arguments[0][0]
        else:
            values[node] = _operation(writer, node, *arguments)
    _rename_output(writer, result)


def _module(writer: GraphWriter, node: fx.Node, module: nn.Module, inputs: Sequence[str]) -> str:
    writer.scope = str(node.target)
    if isinstance(module, nn.Conv2d):
        return convolution(writer, module, inputs[0])
    if isinstance(module, nn.PixelShuffle):
        return pixel_shuffle(writer, module, inputs[0])
    raise _unknown(type(module).__name__, node)


def _operation(writer: GraphWriter, node: fx.Node, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    if any(isinstance(value, Tensor) for value in args) and not any(isinstance(value, str) for value in args):
        return _fold(node, args, kwargs)
    write = OPERATIONS.get(node.target)
    if write is None:
        raise _unknown(str(node.target), node)
    return write(writer, *args, **kwargs)


def _fold(node: fx.Node, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    """An operation on parameters alone is computed here, once, in the precision of the rewritten network."""
    with torch.no_grad():
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        assert callable(node.target)
        return node.target(*args, **kwargs)


def _attribute(model: nn.Module, path: str) -> object:
    parent, _, name = path.rpartition(".")
    return getattr(model.get_submodule(parent), name)


def _rename_output(writer: GraphWriter, result: str) -> None:
    """The last node's output takes the graph's output name; it is read by nothing else."""
    last = writer.nodes[-1]
    if last.output[0] != result or any(result in node.input for node in writer.nodes):
        raise BackendError("expected the network to end in the operation that makes its output: please report this")
    last.output[0] = OUTPUT


def _unknown(kind: str, node: fx.Node) -> BackendError:
    return BackendError(
        f"no ONNX form is known for {kind} in {node.meta[SCOPE] or 'the network'}: were all passes applied?"
    )
