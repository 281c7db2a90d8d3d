"""Einsum as products, against NumPy's own."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.networks.onnx_file.einsum import as_products

SIDES = {"b": 2, "h": 3, "i": 4, "j": 5, "d": 6}
EQUATIONS = (
    "bhid,bhjd->bhij",
    "b h i j, b h j d -> b h i d",
    "bid,bjd->ijb",
    "id,jd->ij",
    "bhi,bhi->bh",
    "bi,jd->bdij",
)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_products_are_what_the_equation_says(equation: str) -> None:
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    rng = np.random.default_rng(0)
    given = [rng.random([SIDES[it] for it in term], np.float32) for term in terms]
    constants = []

    def reshaped(name, shape, into):
        constants.append(numpy_helper.from_array(np.asarray(shape, np.int64), f"{into}.shape"))
        return helper.make_node("Reshape", [name, f"{into}.shape"], [into])

    node = helper.make_node("Einsum", ["x", "y"], ["out"], equation=equation)
    nodes = as_products(node, equation, [it.shape for it in given], reshaped)
    assert nodes and "Einsum" not in {it.op_type for it in nodes}
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, it.shape) for name, it in zip("xy", given, strict=True)
    ]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, np.einsum(equation, *given).shape)
    graph = helper.make_graph(nodes, "g", ports, [out], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    found = onnxruntime.InferenceSession(model.SerializeToString()).run(None, dict(zip("xy", given, strict=True)))[0]
    np.testing.assert_allclose(found, np.einsum(equation, *given), rtol=1e-5)


@pytest.mark.parametrize("equation", ["...i,...j->...ij", "ii,ij->j", "ij,jk", "ij,jk,kl->il", "ijb,jk->ik"])
def test_others_are_left(equation: str) -> None:
    node = helper.make_node("Einsum", ["x", "y"], ["out"], equation=equation)
    shapes = [(2, 2), (2, 2)] if "b" not in equation else [(2, 2, 2), (2, 2)]
    assert as_products(node, equation, shapes, lambda *_: node) is None
