from __future__ import annotations

import numpy as np
import pytest

from runtimes.backends.onnxruntime.provider import CPU
from runtimes.backends.onnxruntime.session import quiet_options


def test_threads_of_a_run_that_nobody_times_never_spin() -> None:
    ort = pytest.importorskip("onnxruntime")
    assert quiet_options(ort, 2, resting=True).get_session_config_entry("session.intra_op.allow_spinning") == "0"
    with pytest.raises(RuntimeError, match="does not have"):
        quiet_options(ort, 2).get_session_config_entry("session.intra_op.allow_spinning")


def test_int8_sums_are_exact_on_every_processor() -> None:
    """Pairs of the largest products: 2 * 255 * 127 is more than 16 bits hold."""
    ort, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    helper, constant = onnx.helper, onnx.numpy_helper.from_array
    units = [constant(np.float32(scale), name) for name, scale in (("one", 1.0), ("step", 4096.0))]
    zeros = [constant(np.array(0, kind), name) for name, kind in (("u0", np.uint8), ("s0", np.int8))]
    weights = constant(np.full((8, 16, 1, 1), 127, np.int8), "w")
    quantized = ["x", "one", "u0", "w", "one", "s0", "step", "u0"]
    graph = helper.make_graph(
        [helper.make_node("QLinearConv", quantized, ["y"])],
        "large",
        [helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, (1, 16, 4, 4))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, (1, 8, 4, 4))],
        [*units, *zeros, weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = ort.InferenceSession(model.SerializeToString(), quiet_options(ort, 1), providers=[CPU])
    (found,) = session.run(None, {"x": np.full((1, 16, 4, 4), 255, np.uint8)})
    assert (found == round(16 * 255 * 127 / 4096)).all()
