"""Which precision a compiled network is said to run in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from runtimes.backends.openvino.layers import reported_precision


@dataclass(frozen=True)
class Told:
    """A value of OpenVINO's, which is asked for as text."""

    text: str

    def astype(self, kind: type[str]) -> str:
        return self.text

    def to_string(self) -> str:
        return self.text


def compiled(*layers: tuple[str, str], hint: str = "bf16") -> SimpleNamespace:
    """What `reported_precision` asks of a compiled network: the kinds of its layers and the precisions they ran in."""

    def op(kind: str, precision: str) -> SimpleNamespace:
        told = {"layerType": Told(kind), "runtimePrecision": Told(precision)}
        return SimpleNamespace(get_rt_info=lambda: told)

    ops = [op(*layer) for layer in layers]
    model = SimpleNamespace(get_ops=lambda: ops)
    return SimpleNamespace(get_runtime_model=lambda: model, get_property=lambda name: Told(hint))


ENDS = (("Convolution", "f32"), ("Convolution", "f32"))
"""The first and the last layer of a network, which OpenVINO runs in f32 beside its ports."""


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((*ENDS, ("Convolution", "bf16"), ("Convolution", "bf16"), ("FullyConnected", "bf16")), "bf16"),
        ((*ENDS, ("MatMul", "bf16"), ("FullyConnected", "bf16"), ("FullyConnected", "bf16")), "bf16"),
        ((*ENDS, ("Convolution", "f32"), ("FullyConnected", "f32"), ("MatMul", "bf16")), "fp32"),
        ((*ENDS, ("Convolution", "bf16"), ("Softmax", "bf16"), ("Softmax", "bf16")), "fp32"),
        (
            (("Convolution", "u8"), ("Convolution", "i8"), ("Convolution", "u8"), *[("MatMul", "bf16")] * 9),
            "int8-mixed",
        ),
        ((("Convolution", "u8"), ("GroupConvolution", "bf16"), ("MatMul", "f32")), "int8-mixed"),
        ((), "bf16"),
    ],
)
def test_products_of_matrices_count_among_floats(layers: Sequence[tuple[str, str]], expected: str) -> None:
    """A network that attends by windows has few convolutions, and half of these are its ends."""
    assert reported_precision(compiled(*layers)) == expected
