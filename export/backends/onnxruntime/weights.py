"""Small weights for ONNX Runtime: int8 with scales, fp16 where int8 would cost most. They compute as before.

Written as Cast and Mul, which ONNX Runtime folds into plain weights when it opens the file: behind DequantizeLinear,
which it does not fold, its convolutions would lose their fastest layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.quantization.layers import as_half, is_end, rounded

if TYPE_CHECKING:
    import onnx


def store_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of an ONNX model with the float weights of its convolutions as s8 values and one scale for each output
    channel; those of the first and the last as fp16. Weights behind DequantizeLinear stay as they are."""
    import onnx
    from onnx import helper, numpy_helper

    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    stored = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
    read = {node.input[1]: node.name for node in graph.node if node.op_type == "Conv" and node.input[1] in stored}
    restored: list[onnx.NodeProto] = []
    for name, reader in read.items():
        weights = numpy_helper.to_array(stored[name])
        if is_end(reader):
            if (half := as_half(weights)) is not None:
                stored[name].CopyFrom(numpy_helper.from_array(half, f"{name}.fp16"))
                restored.append(_cast(f"{name}.fp16", name))
            continue
        values, scale = rounded(weights)
        stored[name].CopyFrom(numpy_helper.from_array(values, f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        restored += [
            _cast(f"{name}.int8", f"{name}.steps"),
            helper.make_node("Mul", [f"{name}.steps", f"{name}.scale"], [name], f"{name}.restored"),
        ]
    nodes = [*restored, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(made)
    return made


def _cast(source: str, target: str) -> onnx.NodeProto:
    from onnx import TensorProto, helper

    return helper.make_node("Cast", [source], [target], f"{target}.cast", to=TensorProto.FLOAT)
