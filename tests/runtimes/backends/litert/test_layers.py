"""What runs outside of LiteRT's delegate is named."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from export.backends.litert.flat_model import FlatModel
from runtimes.backends.litert.interpreter import open_interpreter
from runtimes.backends.litert.layers import not_delegated


def model(*, gather: bool) -> bytes:
    """ADD, then a GATHER that XNNPACK has no form of (or another ADD), then RELU."""
    made = FlatModel()
    a, b, c, d = (made.tensor(name, (1, 4, 4, 4), "float32") for name in "abcd")
    made.operator("ADD", (a, a), (b,), made.schema.AddOptionsT())
    if gather:
        options = made.schema.GatherOptionsT()
        options.axis = 3
        made.operator("GATHER", (b, made.constant("order", np.array([0, 2, 1, 3], np.int32))), (c,), options)
    else:
        made.operator("ADD", (b, b), (c,), made.schema.AddOptionsT())
    made.operator("RELU", (c,), (d,))
    return made.finish({"a": a}, {"d": d}, {}, "")


@pytest.mark.parametrize(("gather", "left"), [(True, {"GATHER": 1}), (False, {})])
def test_operators_that_the_delegate_left(gather: bool, left: dict[str, int]) -> None:
    assert not_delegated(open_interpreter(model(gather=gather), 1)) == left
