"""Every operator that other networks have, in MIL and read back by the interpreter, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import InputError
from export.backends.coreml.operations_of_others import OPERATORS_OF_OTHERS
from tests.export.backends.coreml.many_operators import TILE, Case, converted, one_graph, results

pytest.importorskip("coremltools")
LEFT_OUT, HALF = np.zeros(0), np.float32(0.5)
THREE, EIGHT = np.float32([1, 2, 3]), np.arange(1, 9, dtype=np.float32)
POINTWISE = (
    "Cos", "Erf", "Exp", "GlobalAveragePool", "GlobalMaxPool", "HardSwish", "Identity", "Mish", "Neg", "Reciprocal",
    "Sin", "Softplus", "Softsign", "Tanh",
)  # fmt: skip
CASES: dict[str, Case] = {
    **{kind.lower(): Case(kind) for kind in POINTWISE},
    "clip": Case("Clip", (np.float32(-0.5), np.float32(0.25))),
    "clip-above": Case("Clip", (LEFT_OUT, np.float32(0.25))),
    "elu": Case("Elu", (), {"alpha": 0.7}),
    "group-norm-1": Case("GroupNormalization", (THREE, THREE[::-1].copy()), {"num_groups": 1}),
    "group-norm-3": Case("GroupNormalization", (THREE, THREE[::-1].copy()), {"num_groups": 3, "epsilon": 1e-3}),
    "group-norm-4": Case("GroupNormalization", (EIGHT, EIGHT[::-1].copy()), {"num_groups": 4}, shape=(1, 8, 3, 6)),
    "group-norm-rows": Case("GroupNormalization", (EIGHT, EIGHT[::-1].copy()), {"num_groups": 2}, shape=(2, 8, 9)),
    "hard-sigmoid": Case("HardSigmoid", (), {"alpha": 0.3, "beta": 0.4}),
    "instance-norm": Case("InstanceNormalization", (THREE, THREE[::-1].copy()), {"epsilon": 1e-3}),
    "layer-norm": Case("LayerNormalization", (EIGHT, EIGHT[::-1].copy()), {"epsilon": 1e-4}),
    "leaky": Case("LeakyRelu", (), {"alpha": 0.2}),
    "power-3": Case("Pow", (np.float32(3),)),
    "prelu": Case("PRelu", (np.float32([0.1, 0.5, 0.9]).reshape(3, 1, 1),)),
    "prelu-one": Case("PRelu", (np.float32([0.3]).reshape(1, 1, 1),)),
    "square": Case("Pow", (np.float32(2),)),
    "sum": Case("Sum", (), {}, times=3),
}


@pytest.fixture(scope="module", params=["iOS17", "iOS26"])
def computed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return results(CASES, tmp_path_factory.mktemp("others"), request.param)


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_onnx_runtime_computes(name: str, computed: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    wanted, found = computed[name]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)


def test_every_operator_has_a_case() -> None:
    assert {case.kind for case in CASES.values()} == set(OPERATORS_OF_OTHERS)


def test_a_group_norm_with_numbers_for_each_group_is_refused(tmp_path: Path) -> None:
    """ONNX had it so for three operator sets, and took it back."""
    old = Case("GroupNormalization", (EIGHT[:4], EIGHT[:4]), {"num_groups": 4}, shape=(1, 8, 3, 6))
    with pytest.raises(InputError, match="no form of a group norm with 4 scales for 8 channels is known"):
        converted(one_graph({"old": old}), tmp_path, np.zeros((1, 3, *TILE), np.float32))
