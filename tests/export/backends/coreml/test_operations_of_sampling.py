"""Pooling, transposed convolutions, resizes and tables of places in MIL, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from dlgsanet.errors import BackendError, InputError
from export.backends.coreml.operations_of_sampling import OPERATORS_OF_SAMPLING
from export.backends.coreml.program import require_known
from export.graph.graph import Graph
from tests.export.backends.coreml.many_operators import TILE, Case, converted, one_graph, results

pytest.importorskip("coremltools")
LEFT_OUT = np.zeros(0)
KERNEL = np.random.default_rng(1).standard_normal((3, 4, 3, 3)).astype(np.float32)
OFFSETS = np.float32([0.1, 0.2, 0.3, 0.4])
_POOL = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}


def scales(*factors: float) -> tuple[np.ndarray, np.ndarray]:
    return LEFT_OUT, np.float32([1, 1, *factors])


def sizes(*sides: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return LEFT_OUT, LEFT_OUT, np.array([1, 3, *sides])


CASES: dict[str, Case] = {
    "average-counted": Case("AveragePool", (), {**_POOL, "count_include_pad": 1}),
    "average-alone": Case("AveragePool", (), _POOL),
    "largest": Case("MaxPool", (), _POOL),
    "transposed": Case("ConvTranspose", (KERNEL, OFFSETS), {"strides": [2, 2], "pads": [1, 1, 0, 1]}),
    "transposed-groups": Case("ConvTranspose", (KERNEL[:, :1],), {"strides": [2, 1], "group": 3}),
    "one-place": Case("Gather", (np.array(1),), {"axis": 1}),
    "last-place": Case("Gather", (np.array(-1),), {"axis": 3}),
    "places": Case("Gather", (np.array([2, 0, 1, 0]),), {"axis": 2}),
    "tiled": Case("Tile", (np.array([1, 2, 1, 3]),)),
    "nearest-2": Case("Resize", scales(2, 3), {"mode": "nearest"}),
    "nearest-down": Case("Resize", scales(2, 3), {"mode": "nearest", "nearest_mode": "floor"}),
    "nearest-asymmetric": Case(
        "Resize", sizes(12, 16),
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "linear-2": Case("Resize", scales(2, 3), {"mode": "linear"}),
    "linear-by-sizes": Case("Resize", sizes(7, 21), {"mode": "linear"}),
    "linear-aligned": Case(
        "Resize", sizes(12, 16), {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    ),
    "linear-smaller": Case("Resize", scales(0.5, 0.5), {"mode": "linear"}),
    "cubic": Case("Resize", scales(2, 2), {"mode": "cubic", "cubic_coeff_a": -0.5}),
    # of operators that DLGSANet has as well, the forms that it does without
    "padded-edge": Case("Pad", (np.array([0, 0, 1, 2, 0, 0, 0, 1]),), {"mode": "edge"}),
    "padded-reflect": Case("Pad", (np.array([0, 0, 1, 2, 0, 0, 0, 1]),), {"mode": "reflect"}),
    "padded-by-one": Case("Pad", (np.array([0, 1, 1, 2, 0, 0, 0, 1]), np.float32(1))),
    "padded-by-nothing": Case("Pad", (np.zeros(8, np.int64),), {"mode": "reflect"}),
    "cut": Case("Pad", (np.array([0, 0, -1, -2, 0, -1, 0, -1]),)),
    "every-second": Case("Slice", (np.array([1]), np.array([99]), np.array([3]), np.array([2]))),
    "backwards": Case("Slice", (np.array([-1]), np.array([-99]), np.array([3]), np.array([-1]))),
    "backwards-both": Case("Slice", (np.array([9, -1]), np.array([-99, -2**63]), np.array([2, 3]), np.array([-1, -1]))),
    "backwards-by-2": Case("Slice", (np.array([99]), np.array([0]), np.array([3]), np.array([-2]))),
    "backwards-by-3": Case("Slice", (np.array([-2]), np.array([0]), np.array([-1]), np.array([-3]))),
    "backwards-channels": Case("Slice", (np.array([2]), np.array([-9]), np.array([1]), np.array([-1]))),
    "backwards-and-on": Case("Slice", (np.array([4, 1]), np.array([1, 7]), np.array([2, 3]), np.array([-2, 3]))),
    "to-depth-2": Case("SpaceToDepth", (), {"blocksize": 2}),
    "to-depth-3": Case("SpaceToDepth", (), {"blocksize": 3}, shape=(2, 2, 6, 6)),
    "to-space-2": Case("DepthToSpace", (), {"blocksize": 2, "mode": "DCR"}, shape=(1, 12, 3, 4)),
    "to-space-3": Case("DepthToSpace", (), {"blocksize": 3, "mode": "DCR"}, shape=(1, 36, 2, 2)),
    "to-space-unsaid": Case("DepthToSpace", (), {"blocksize": 2}, shape=(2, 8, 3, 3)),
    "to-space-shuffled": Case("DepthToSpace", (), {"blocksize": 2, "mode": "CRD"}, shape=(1, 12, 3, 4)),
    "smallest": Case("Min", (np.float32(0.25),)),
    "smallest-of-all": Case("ReduceMin", (np.array([1]),), {"keepdims": 0}),
}  # fmt: skip


@pytest.fixture(scope="module", params=["iOS17", "iOS26"])
def computed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return results(CASES, tmp_path_factory.mktemp("sampling"), request.param)


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_onnx_runtime_computes(name: str, computed: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    wanted, found = computed[name]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)


def test_every_operator_has_a_case() -> None:
    assert set(OPERATORS_OF_SAMPLING) <= {case.kind for case in CASES.values()}


REFUSED = {
    "ceil_mode": Case("MaxPool", (), {"kernel_shape": [4, 4], "strides": [4, 4], "ceil_mode": 1}),
    "size is said otherwise": Case("ConvTranspose", (KERNEL,), {"strides": [2, 2], "output_padding": [1, 1]}),
    "a table of places": Case("Gather", (np.array([[0, 1]]),), {"axis": 2}),
    "leaves nothing": Case("Slice", (np.array([2]), np.array([5]), np.array([3]), np.array([-1]))),
    "a padding by": Case("Pad", (np.array([0, 0, -1, 0, 0, 0, 0, 1]),)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_other_forms_are_refused(what: str, tmp_path: Path) -> None:
    with pytest.raises((InputError, BackendError), match=what):
        converted(one_graph({"it": REFUSED[what]}), tmp_path, np.zeros((1, 3, *TILE), np.float32))


def test_more_dimensions_than_core_ml_has_are_refused_before_the_work() -> None:
    model = one_graph({"tiled": Case("Tile", (np.array([1, 1, 1, 1]),))})
    sides = onnx.numpy_helper.from_array(np.array([1, 1, 3, 1, *TILE]), "sides")
    model.graph.initializer.append(sides)
    model.graph.node.insert(2, helper.make_node("Reshape", ["x", "sides"], ["six"], name="six.Reshape"))
    model.graph.node.insert(3, helper.make_node("Reshape", ["six", "four"], ["again"], name="four.Reshape"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 3, *TILE]), "four"))
    model.graph.node[4].input[0] = "again"
    with pytest.raises(InputError, match=r"^Reshape \(six.Reshape\) makes 6 dimensions, Core ML has 5: leave coreml"):
        require_known(Graph(model))
