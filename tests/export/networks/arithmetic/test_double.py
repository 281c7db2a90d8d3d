"""Two files are the same network in float64, or they are not, or it cannot be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import BackendError, GateError
from export.networks.arithmetic import double
from export.networks.arithmetic.double import DoubleJob, compared, proven_in_double
from export.networks.arithmetic.operators import Conv as RightConv
from runtimes.bundle.foreign import Foreign, Pixels

TILE = (12, 16)
PORTS = Foreign("onnx", "lr", "sr", "float32", Pixels())


def file(path: Path, factor: float = 1.0) -> Path:
    """x2, with an operator that ONNX Runtime has in fp32 alone."""
    rng = np.random.default_rng(1)
    weight = (0.2 * rng.standard_normal((12, 3, 3, 3)) * factor).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["lr", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("DepthToSpace", ["b"], ["sr"], blocksize=2),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("lr", TensorProto.FLOAT, [1, 3, *TILE])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, [1, 3, 24, 32])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def job(tmp_path: Path, factor: float = 1.0) -> DoubleJob:
    one, other = file(tmp_path / "a.onnx"), file(tmp_path / "b.onnx", factor)
    return DoubleJob(str(one), PORTS, str(other), PORTS, TILE, ("the graph", "the file"))


def test_the_same_network_is_proven_below_what_fp32_tells_apart(tmp_path: Path) -> None:
    found = proven_in_double(job(tmp_path, 1 + 2e-7))
    assert found.arithmetic == "float64" and 0 < found.max_rel < 5e-7
    assert compared(job(tmp_path)).max_rel == 0


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="the graph differs from the file"):
        proven_in_double(job(tmp_path, 1.001))


class Conv(RightConv):
    """A thousandth too large."""

    def _run(self, *given: object, **how: object) -> tuple[np.ndarray, ...]:  # type: ignore[override]
        (found,) = super()._run(*given, **how)  # type: ignore[arg-type]
        return (found * 1.001,)


def test_an_evaluator_that_errs_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(double, "OPERATORS", (Conv,))
    with pytest.raises(BackendError, match="computes it differently from ONNX Runtime"):
        compared(job(tmp_path))


def test_what_fails_cannot_be_told(tmp_path: Path) -> None:
    given = job(tmp_path)
    with pytest.raises(BackendError, match="onnx's evaluator fails on it"):
        compared(replace(given, foreign=replace(PORTS, input="other")))
