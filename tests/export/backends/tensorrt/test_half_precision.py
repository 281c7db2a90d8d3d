"""Typed fp16: what is fp32 and what is not, and that nothing a picture or a network can be breaks it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import BackendError
from dlgsanet.network.attention import SparseGSA
from export.backends.tensorrt.half_precision import fp32_islands, half_constant, to_half
from export.graph.build import build_onnx
from export.rewriting.rewrite import rewrite
from export.targets.row import LOWERINGS
from export.targets.table import Target
from runtimes.backends.tensorrt.lint.lint import lint
from runtimes.backends.tensorrt.lint.rules import OPERATORS
from runtimes.backends.tensorrt.reference import rounding_written_out
from runtimes.file_formats.onnx_graph import read_graph, tensor_types
from tests.export.backends.tensorrt.operator_cases import CASES, SHAPE, Case, of_case

TILE = (56, 16)  # taller than a window of 48: two windows


def fp32_graph(model: Any, lowering: str | None = None) -> onnx.ModelProto:
    target = Target("tensorrt", "fp16", TILE)
    return build_onnx(
        rewrite(model, target, lowering_name=lowering).model, name="small", tile=TILE, scale=model.scale, opset=18
    )


def run(data: bytes, tile: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"lr": tile})[0]


def both(model: Any, tile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the fp32 graph gives, and the strictly rounded fp16 one."""
    plain = fp32_graph(model)
    half = to_half(plain, fp32_islands(plain))
    return run(plain.SerializeToString(), tile), run(rounding_written_out(half.SerializeToString()), tile)


@pytest.fixture(scope="module")
def graphs(make_model) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    plain = fp32_graph(make_model())
    return plain, to_half(plain, fp32_islands(plain))


def noise() -> np.ndarray:
    return np.random.default_rng(1).random((1, 3, *TILE), np.float32)


def test_only_the_named_islands_are_in_fp32(graphs) -> None:
    plain, half = graphs
    onnx.checker.check_model(half, full_check=True)
    types = tensor_types(read_graph(half.SerializeToString()))
    wide = [node for node in half.graph.node if types[node.output[0]] == "fp32" and node.op_type != "Cast"]
    assert {node.name for node in wide} == fp32_islands(plain)
    kinds = Counter(node.op_type for node in wide)
    # Two LayerNorms a block, two blocks; q and k of one attention; the sum over the basis of one dynamic convolution.
    assert kinds == {
        "ReduceMean": 8, "Sub": 4, "Mul": 4 + 1, "Add": 4, "Sqrt": 4, "Div": 4 + 2, "ReduceL2": 2, "Max": 2,
        "Transpose": 1, "MatMul": 1, "ReduceSum": 1,
    }  # fmt: skip
    names = {node.name for node in plain.graph.node}
    added = [node for node in half.graph.node if node.name not in names]
    assert {node.op_type for node in added} == {"Cast"}
    makers = {node.output[0]: node for node in half.graph.node}
    assert not [node for node in added if makers.get(node.input[0], plain).__class__ is onnx.NodeProto
                and makers[node.input[0]].op_type == "Cast"]  # no cast of a cast  # fmt: skip


def test_the_ports_stay_fp32_and_the_weights_are_half(graphs) -> None:
    plain, half = graphs
    assert list(half.graph.input) == list(plain.graph.input) and list(half.graph.output) == list(plain.graph.output)
    held = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    weights = [node.input[1] for node in half.graph.node if node.op_type == "Conv"]
    assert weights and all(held[name] == TensorProto.FLOAT16 for name in weights)
    assert lint(half.SerializeToString()) == ()


def test_the_picture_stays(make_model, to_db) -> None:
    expected, found = both(make_model(), noise())
    assert 60 < to_db(found, expected) < 110


@pytest.mark.parametrize("picture", ["zeros", "ones", "mean", "step"])
def test_pictures_without_variance_give_finite_output(make_model, to_db, picture) -> None:
    tile = np.zeros((1, 3, *TILE), np.float32)
    if picture == "ones":
        tile += 1
    elif picture == "mean":  # the colour that the network subtracts: what follows is exactly zero, q and k too
        tile += np.array([0.4488, 0.4371, 0.4040], np.float32).reshape(1, 3, 1, 1)
    elif picture == "step":
        tile[..., 8:] = 1
    expected, found = both(make_model(), tile)
    assert np.isfinite(found).all() and to_db(found, expected) > 50


def test_an_all_zero_q_divides_by_no_zero(make_model) -> None:
    model = make_model()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, SparseGSA):
                module.qkv.weight.zero_()
    expected, found = both(model, noise())
    assert np.isfinite(found).all() and np.isfinite(expected).all()


def test_products_over_all_pixels_may_leave_the_range(make_model, to_db) -> None:
    """q and k of 100 give q k^T of 10^6; without the island this is infinity, and 0 * infinity is NaN behind it."""
    model = make_model()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, SparseGSA):
                module.qkv.weight[: 2 * 12] *= 300
    expected, found = both(model, noise())
    assert np.isfinite(found).all() and to_db(found, expected) > 55
    plain = fp32_graph(model)
    products = {node.name for node in plain.graph.node if node.op_type in ("MatMul", "Mul")}
    naive = to_half(plain, fp32_islands(plain) - products)
    assert not np.isfinite(run(rounding_written_out(naive.SerializeToString()), noise())).all()


def test_huge_features_do_not_break_the_norms(make_model, to_db) -> None:
    """Channels of 2000: their squares overflow fp16, their LayerNorm is as good as ever."""
    model = make_model()
    with torch.no_grad():
        model.overlap_embed[0].proj.weight *= 3000
    expected, found = both(model, noise())
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert np.isfinite(found).all() and error < 0.01


@pytest.mark.parametrize("activation", ["softmax", "gelu", "sigmoid", "identity"])
def test_every_variant_has_a_typed_form(make_model, to_db, activation) -> None:
    model = make_model(dynamic=activation != "softmax", activation=activation)  # the static network once
    plain = fp32_graph(model)
    half = to_half(plain, fp32_islands(plain)).SerializeToString()
    assert lint(half) == ()
    assert to_db(run(rounding_written_out(half), noise()), run(plain.SerializeToString(), noise())) > 60


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_every_lowering_has_a_typed_form(make_model, to_db, lowering) -> None:
    plain = fp32_graph(make_model(), lowering)
    half = to_half(plain, fp32_islands(plain)).SerializeToString()
    assert lint(half) == ()
    assert to_db(run(rounding_written_out(half), noise()), run(plain.SerializeToString(), noise())) > 60


def test_a_network_beyond_fp16_is_refused(make_model) -> None:
    model = make_model()
    with torch.no_grad():
        model.overlap_embed[0].proj.weight[0] = 1e6
    plain = fp32_graph(model)
    with pytest.raises(BackendError, match=r"'overlap_embed.*' holds values up to 1e\+06, fp16 ends at 65504"):
        to_half(plain, fp32_islands(plain))


def test_an_epsilon_that_would_vanish_is_refused(make_model) -> None:
    plain = fp32_graph(make_model())
    with pytest.raises(BackendError, match=r"\(1e-12\) is zero in fp16"):
        to_half(plain, ())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 65520.0])
def test_constants_that_fp16_cannot_hold_are_refused(value) -> None:
    with pytest.raises(BackendError, match="fp16 ends at 65504"):
        half_constant(np.array([0, value], np.float32), "w")
    assert half_constant(np.array([65504, 1e-9, 0], np.float32), "w").tolist() == [65504, 0, 0]


def test_every_result_is_rounded_once_in_the_reference() -> None:
    """Against NumPy's fp16, exactly. ONNX Runtime alone keeps chains of operators in fp32: see the module."""
    factor, divisor = np.float16(0.7007), np.float16(1.3)
    nodes = [helper.make_node("Cast", ["lr"], ["v0"], name="in", to=TensorProto.FLOAT16)]
    for step in range(12):
        nodes.append(helper.make_node("Mul", [f"v{step}", "factor"], [f"m{step}"], name=f"m{step}"))
        nodes.append(helper.make_node("Div", [f"m{step}", "divisor"], [f"d{step}"], name=f"d{step}"))
        nodes.append(helper.make_node("Add", [f"d{step}", f"m{step}"], [f"v{step + 1}"], name=f"v{step + 1}"))
    nodes.append(helper.make_node("Cast", ["v12"], ["sr"], name="out", to=TensorProto.FLOAT))
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [500]) for name in ("lr", "sr")]
    held = [numpy_helper.from_array(np.array(v), name) for name, v in (("factor", factor), ("divisor", divisor))]
    graph = helper.make_graph(nodes, "chain", ports[:1], ports[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    lr = np.random.default_rng(0).random(500, np.float32) * 100
    value = lr.astype(np.float16)
    for _ in range(12):
        product = (value.astype(np.float32) * np.float32(factor)).astype(np.float16)
        quotient = (product.astype(np.float32) / np.float32(divisor)).astype(np.float16)
        value = (quotient.astype(np.float32) + product.astype(np.float32)).astype(np.float16)
    assert np.array_equal(run(rounding_written_out(model.SerializeToString()), lr), value.astype(np.float32))


def fp16_of(plain: onnx.ModelProto) -> onnx.ModelProto:
    half = to_half(plain, fp32_islands(plain))
    onnx.checker.check_model(half, full_check=True)
    return half


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_every_operator_that_the_linter_knows_has_a_typed_form(case: Case) -> None:
    """What the schema wants in fp32 stays so (the scales of Resize), and the numbers are near."""
    plain = of_case(case)
    half = fp16_of(plain)
    assert lint(plain.SerializeToString()) == lint(half.SerializeToString()) == ()
    lr = np.random.default_rng(2).random(SHAPE, np.float32) + np.float32(0.01)
    expected = run(plain.SerializeToString(), lr)
    found = run(rounding_written_out(half.SerializeToString()), lr)
    np.testing.assert_allclose(found, expected, rtol=4e-3, atol=4e-3)


def test_every_operator_has_a_case() -> None:
    ours = {"Cast", "DequantizeLinear", "Greater", "QuantizeLinear"}  # between the others
    assert {case.kind for case in CASES} | ours == OPERATORS


def chain(*nodes: tuple[str, list[str]], **constants: np.ndarray) -> onnx.ModelProto:
    """lr (1, 4, 8, 8) -> sr: each node is called by its kind, as is what it gives."""
    made = [helper.make_node(kind, names, [kind], name=kind) for kind, names in nodes]
    made[-1].output[0] = "sr"
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("lr", "sr")]
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(made, "chain", ports[:1], ports[1:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


NORMALIZE = (
    ("ReduceL2", ["lr", "axes"]),
    ("Clip", ["ReduceL2", "eps"]),
    ("Expand", ["Clip", "shape"]),
    ("Div", ["lr", "Expand"]),
)
NUMBERS = {"axes": np.array([1]), "eps": np.float32(1e-12), "shape": np.array(SHAPE)}


def test_normalize_as_torch_exports_it_is_one_island() -> None:
    """F.normalize: norm, clamp, expand, quotient; 1e-12 would be zero in fp16."""
    plain = chain(*NORMALIZE, **NUMBERS)
    assert fp32_islands(plain) == {"ReduceL2", "Clip", "Expand", "Div"}
    found = run(rounding_written_out(fp16_of(plain).SerializeToString()), np.zeros(SHAPE, np.float32))
    assert np.isfinite(found).all()


def test_an_epsilon_without_a_sum_is_an_island() -> None:
    """Charbonnier: x / sqrt(x^2 + 1e-12)."""
    nodes = (
        ("Mul", ["lr", "lr"]),
        ("Add", ["Mul", "eps"]),
        ("Sqrt", ["Add"]),
        ("Div", ["lr", "Sqrt"]),
    )
    plain = chain(*nodes, eps=np.float32(1e-12))
    assert fp32_islands(plain) == {"Add", "Sqrt", "Div"}
    assert lint(fp16_of(plain).SerializeToString()) == ()


def test_truths_and_integers_are_not_cast() -> None:
    plain = chain(
        ("Greater", ["lr", "half"]),
        ("Cast", ["Greater"]),
        ("ReduceMean", ["Cast", "axes"]),
        ("Where", ["Greater", "ReduceMean", "lr"]),
        half=np.float32(0.5),
        axes=np.array([1]),
    )
    plain.graph.node[1].attribute.append(helper.make_attribute("to", TensorProto.FLOAT))
    half = fp16_of(plain)
    types = tensor_types(read_graph(half.SerializeToString()))
    assert (types["Greater"], types["Cast"]) == ("bool", "fp16")
    assert lint(half.SerializeToString()) == ()
