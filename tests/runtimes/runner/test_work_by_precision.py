"""Counting work by precision: the arithmetic, a plain engine, and a package of the interpreter."""

from __future__ import annotations

import pytest

from runtimes import open_runner
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.onnxruntime.layers import layers
from runtimes.file_formats.onnx_file import convolution_weights
from runtimes.runner.work_by_precision import Layer, by_precision, convolution_macs, count_fault, product_macs, shares

TINY = 12 * 3 * 9 * 16 * 16
"""Multiply-adds of the kit's network: one 3x3 convolution from 3 to 12 channels on 16 x 16 pixels."""


def test_the_arithmetic():
    assert convolution_macs((12, 3, 3, 3), 256) == TINY
    assert convolution_macs((8, 1, 1, 7, 7), 100) == 8 * 49 * 100  # groups as an axis of their own
    assert product_macs((4, 5, 6), (4, 5, 7)) == product_macs((4, 6, 5), (4, 5, 7)) == 4 * 5 * 6 * 7
    assert product_macs((5, 6), (4, 5, 7)) == 4 * 5 * 6 * 7  # the same left side for a batch
    found = by_precision([Layer("bf16", 1), Layer("int8", 3), Layer("bf16", 1)])
    assert list(found.items()) == [("int8", 3), ("bf16", 2)]
    assert shares(found) == {"int8": 0.6, "bf16": 0.4} and shares({}) == {}


@pytest.mark.parametrize(("wanted", "ran", "said"), [(3, 3, None), (3, 4, None), (3, 2, "int8 in 2 of 3 layers")])
def test_fewer_layers_than_wanted_are_said(wanted, ran, said):
    assert count_fault(wanted, ran) == said


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_engines_tell_their_work(bundle, backend):
    pytest.importorskip(backend)
    with open_runner(bundle, f"{backend}-fp32-16x16", threads=1) as run:
        assert run.macs() == {"fp32": TINY}


def test_packages_tell_their_work(packages):
    for precision in ("fp32", "fp16"):
        with open_runner(packages, f"coreml-{precision}", device=REFERENCE) as run:
            assert run.macs() == {precision: TINY}


def test_weights_of_convolutions_are_found_without_the_onnx_package(kit):
    assert convolution_weights(kit.onnx_bytes()) == {"maps": (12, 3, 3, 3)}


def test_kernels_are_matched_by_the_longest_name():
    weights = {"x.Conv": (8, 4, 1, 1), "x.Conv_2": (8, 2, 1, 1)}

    def event(name, kind="Conv", type_="float"):
        told = {
            "op_name": kind,
            "input_type_shape": [{type_: [1, 4, 2, 2]}],
            "output_type_shape": [{type_: [1, 8, 2, 2]}],
        }
        return {"name": f"{name}_kernel_time", "args": told}

    events = [event("x.Conv_2_nchwc"), event("x.Conv_token_7", "QLinearConv", "uint8"), event("norm.Mul_nchwc"), {}]
    assert layers(events, weights, 2) == [Layer("fp32", 8 * 2 * 4), Layer("int8", 8 * 4 * 4)]
    assert layers(events, weights, 3) == []  # one is missing: a part is not told as the whole
