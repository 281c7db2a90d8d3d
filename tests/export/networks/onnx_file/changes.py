"""What makes of the small network another that some file may hold."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def wanting_norms(model: onnx.ModelProto, gives: bool) -> None:
    """It wants MEAN taken and DEVIATION divided by; `gives`: and gives its picture so."""
    mean, deviation = (np.asarray(it, np.float32).reshape(1, 3, 1, 1) for it in (MEAN, DEVIATION))
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for value, name in ((mean, "mu"), (deviation, "sigma"))
    )
    model.graph.node[0].CopyFrom(helper.make_node("Mul", ["image", "sigma"], ["wide"]))
    model.graph.node.insert(1, helper.make_node("Add", ["wide", "mu"], ["lr_planes"]))
    if gives:
        model.graph.node[-1].CopyFrom(helper.make_node("Sub", ["sr_planes", "mu"], ["centred"]))
        model.graph.node.append(helper.make_node("Div", ["centred", "sigma"], ["large"]))


def in_bf16(model: onnx.ModelProto) -> None:
    """Its weights, and what is computed, with ports in fp32."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name != "sizes":
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.BFLOAT16, values.shape, values.flatten()))
    model.graph.node[0].CopyFrom(helper.make_node("Cast", ["image"], ["lr_planes"], to=TensorProto.BFLOAT16))
    model.graph.node[-1].CopyFrom(helper.make_node("Cast", ["sr_planes"], ["large"], to=TensorProto.FLOAT))
