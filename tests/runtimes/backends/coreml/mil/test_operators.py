"""Every operator against its documented definition: expected values by hand, by loops or by the math module."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes.backends.coreml.mil.executor import OPERATORS
from runtimes.backends.coreml.mil.operators_convolution import conv
from runtimes.backends.coreml.mil.operators_elementwise import erfc

RNG = np.random.default_rng(5)
X = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
POINTS = np.float32([-9, -3.5, -1, -0.25, -1e-6, 0, 1e-6, 0.25, 1, 3.5, 9])


def call(kind: str, **arguments) -> np.ndarray:
    return OPERATORS[kind][0](arguments)


def per_point(function) -> np.ndarray:
    return np.array([function(float(x)) for x in POINTS])


def test_erfc_is_that_of_the_math_module() -> None:
    points = np.linspace(-6, 6, 1001, dtype=np.float32)
    expected = np.array([math.erfc(float(x)) for x in points])
    assert np.max(np.abs(erfc(points) / expected - 1)) < 5e-6  # the exponent is up to 36
    assert np.max(np.abs(erfc(points) - expected)) < 5e-7


@pytest.mark.parametrize(
    ("mode", "definition"),
    [
        ("EXACT", lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2)))),
        ("TANH_APPROXIMATION", lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
        ("SIGMOID_APPROXIMATION", lambda x: x / (1 + math.exp(-1.702 * x))),
    ],
)
def test_gelu_has_three_modes_that_differ(mode, definition) -> None:
    assert np.allclose(call("gelu", x=POINTS, mode=mode), per_point(definition), atol=1e-6)
    assert call("gelu", x=np.float32(0.7)) == call("gelu", x=np.float32(0.7), mode="EXACT")
    with pytest.raises(InputError, match="NEW"):
        call("gelu", x=POINTS, mode="NEW")


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        ("abs", abs),
        ("erf", math.erf),
        ("exp", math.exp),
        ("relu", lambda x: max(x, 0.0)),
        ("round", round),  # half to even, as Python has it
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("cos", math.cos),
        ("silu", lambda x: x / (1 + math.exp(-x))),
        ("sin", math.sin),
        ("softplus", lambda x: math.log(1 + math.exp(x))),
        ("softsign", lambda x: x / (1 + abs(x))),
        ("square", lambda x: x * x),
        ("tanh", math.tanh),
        ("identity", lambda x: x),
    ],
)
def test_functions_of_one_value(kind, definition) -> None:
    points = POINTS if kind != "round" else np.float32([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.4, 0.6])
    expected = np.array([definition(float(x)) for x in points])
    assert np.allclose(call(kind, x=points), expected, rtol=2e-6, atol=5e-7)


def test_roots_and_inverses_with_epsilon() -> None:
    four = np.float32([4.0])
    assert call("sqrt", x=four) == 2
    assert call("rsqrt", x=np.float32([3.0]), epsilon=np.float32(1.0)) == 0.5
    assert call("inverse", x=np.float32([3.0]), epsilon=np.float32(1.0)) == 0.25
    assert call("inverse", x=np.float32([0.0]))[0] == pytest.approx(1e4)  # the documented default epsilon
    assert list(call("clip", x=np.float32([-1, 0.5, 9]), alpha=np.float32(0), beta=np.float32(6))) == [0, 0.5, 6]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("add", 8), ("sub", 4), ("mul", 12), ("real_div", 3), ("maximum", 6), ("minimum", 2)],
)
def test_functions_of_two_values_broadcast(kind, expected) -> None:
    out = call(kind, x=np.full((2, 1, 3), 6, np.float32), y=np.full((4, 1), 2, np.float32))
    assert out.shape == (2, 4, 3) and np.all(out == expected)


def test_casts_cut_floats_to_integers() -> None:
    assert list(call("cast", x=np.float32([-1.9, 1.9]), dtype="int32")) == [-1, 1]
    assert call("cast", x=np.int32([3]), dtype="fp32").dtype == np.float32
    with pytest.raises(InputError, match="fp8"):
        call("cast", x=POINTS, dtype="fp8")


def test_quantize_rounds_and_saturates_and_dequantize_undoes_it() -> None:
    x = np.float32([[-9.0, -0.6, 0.26], [0.24, 31.0, 99.0]])
    one = call("quantize", input=x, scale=np.float32(0.5), zero_point=np.int8(3), output_dtype="int8")
    assert one.dtype == np.int8 and one.tolist() == [[-15, 2, 4], [3, 65, 127]]
    rows = call(
        "quantize", input=x, scale=np.float32([0.5, 1]), zero_point=np.uint8([8, 0]), output_dtype="uint8", axis=0
    )
    assert rows.tolist() == [[0, 7, 9], [0, 31, 99]]
    back = call("dequantize", input=rows, scale=np.float32([0.5, 1]), zero_point=np.uint8([8, 0]), axis=0)
    assert back.tolist() == [[-4.0, -0.5, 0.5], [0.0, 31.0, 99.0]]
    with pytest.raises(InputError, match="int4"):
        call("quantize", input=x, scale=np.float32(1), output_dtype="int4")


@pytest.mark.parametrize(
    ("kind", "of_numbers"),
    [
        ("reduce_sum", sum),
        ("reduce_mean", lambda v: sum(v) / len(v)),
        ("reduce_max", max),
        ("reduce_min", min),
        ("reduce_l2_norm", lambda v: math.sqrt(sum(x * x for x in v))),
        ("reduce_sum_square", lambda v: sum(x * x for x in v)),
    ],
)
def test_reductions_over_the_axes_that_are_named(kind, of_numbers) -> None:
    out = call(kind, x=X, axes=np.int32([1, -1]), keep_dims=np.bool_(True))
    assert out.shape == (2, 1, 4, 1)
    for n, h in itertools.product(range(2), range(4)):
        values = [float(X[n, c, h, w]) for c in range(3) for w in range(5)]
        assert out[n, 0, h, 0] == pytest.approx(of_numbers(values), rel=1e-5)
    assert call(kind, x=X).shape == () and call(kind, x=X, axes=np.int32([0])).shape == (3, 4, 5)


def test_layer_norm_by_its_definition() -> None:
    gamma, beta = np.float32([1, 2, 3]), np.float32([0.5, 0, -1])
    out = call("layer_norm", x=X, axes=np.int32([1]), gamma=gamma, beta=beta, epsilon=np.float32(0.1))
    for n, h, w in itertools.product(range(2), range(4), range(5)):
        values = [float(v) for v in X[n, :, h, w]]
        mean = sum(values) / 3
        root = math.sqrt(sum((v - mean) ** 2 for v in values) / 3 + 0.1)
        expected = [g * (v - mean) / root + b for v, g, b in zip(values, gamma, beta, strict=True)]
        assert np.allclose(out[n, :, h, w], expected, atol=1e-5)


def test_softmax_and_products() -> None:
    out = call("softmax", x=np.float32([[0, math.log(3)], [1000, 1000]]), axis=1)
    assert np.allclose(out, [[0.25, 0.75], [0.5, 0.5]])
    a, b = np.float32([[1, 2], [3, 4]]), np.float32([[1, 0], [1, 1]])
    assert call("matmul", x=a, y=b).tolist() == [[3, 2], [7, 4]]
    assert call("matmul", x=a, y=b, transpose_x=np.bool_(True)).tolist() == [[4, 3], [6, 4]]
    assert call("matmul", x=a, y=b, transpose_y=np.bool_(True)).tolist() == [[1, 3], [3, 7]]
    assert call("linear", x=a, weight=b, bias=np.float32([10, 20])).tolist() == [[11, 23], [13, 27]]


def test_moving_tensors() -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 6)
    first, second = call("split", x=x, split_sizes=np.int32([2, 4]), axis=np.int32(1))
    assert first.tolist() == [[0, 1], [6, 7]] and second.shape == (2, 4)
    assert [p.shape for p in call("split", x=x, num_splits=np.int32(3), axis=np.int32(1))] == [(2, 2)] * 3
    assert np.array_equal(call("concat", values=(first, second), axis=np.int32(1)), x)
    assert call("transpose", x=x, perm=np.int32([1, 0])).tolist()[5] == [5, 11]
    assert call("reshape", x=x, shape=np.int32([0, -1, 2])).shape == (2, 3, 2)
    assert call("squeeze", x=x[None], axes=np.int32([0])).shape == (2, 6)
    assert call("expand_dims", x=x, axes=np.int32([1, 3])).shape == (2, 1, 6, 1)
    turns = call("concat", values=(first, -first), axis=np.int32(1), interleave=np.bool_(True))
    assert turns.tolist() == [[0, 0, 1, -1], [6, -6, 7, -7]]
    with pytest.raises(InputError, match="do not add up"):
        call("split", x=x, split_sizes=np.int32([2, 2]), axis=np.int32(1))


def test_slices_with_strides_and_masks() -> None:
    x = np.arange(20, dtype=np.float32).reshape(4, 5)
    assert call("slice_by_index", x=x, begin=np.int32([1, 2]), end=np.int32([3, 4])).tolist() == [[7, 8], [12, 13]]
    out = call(
        "slice_by_index",
        x=x,
        begin=np.int32([2, 3]),
        end=np.int32([0, 0]),
        stride=np.int32([1, -2]),
        end_mask=np.bool_([False, True]),
        squeeze_mask=np.bool_([True, False]),
    )
    assert out.tolist() == [13, 11]


def test_pads_are_pairs_of_the_last_axes() -> None:
    x = np.float32([[1, 2, 3]])
    zeros = call("pad", x=x, pad=np.int32([1, 0, 0, 2]), mode="constant", constant_val=np.float32(9))
    assert zeros.tolist() == [[9, 9, 9, 9, 9], [1, 2, 3, 9, 9]]
    assert call("pad", x=x, pad=np.int32([2, 1]), mode="reflect").tolist() == [[3, 2, 1, 2, 3, 2]]
    assert call("pad", x=x, pad=np.int32([2, 1]), mode="replicate").tolist() == [[1, 1, 1, 2, 3, 3]]
    with pytest.raises(InputError, match="wrap"):
        call("pad", x=x, pad=np.int32([1, 1]), mode="wrap")
    with pytest.raises(InputError, match="more than any tile"):
        call("pad", x=x, pad=np.int32([0, 1 << 30]))


def test_pixel_shuffle_by_its_definition() -> None:
    x = RNG.standard_normal((1, 8, 2, 3)).astype(np.float32)
    out = call("pixel_shuffle", x=x, upscale_factor=np.int32(2))
    assert out.shape == (1, 2, 4, 6)
    for c, h, w, i, j in itertools.product(range(2), range(2), range(3), range(2), range(2)):
        assert out[0, c, 2 * h + i, 2 * w + j] == x[0, 4 * c + 2 * i + j, h, w]


def slow_conv(x, weight, groups, strides, dilations, pads) -> np.ndarray:
    """The definition, one product at a time."""
    top, bottom, left, right = pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right))).astype(np.float64)
    outs, ins, kh, kw = weight.shape
    height = (padded.shape[2] - dilations[0] * (kh - 1) - 1) // strides[0] + 1
    width = (padded.shape[3] - dilations[1] * (kw - 1) - 1) // strides[1] + 1
    out = np.zeros((x.shape[0], outs, height, width))
    for n, o, i, j in itertools.product(range(x.shape[0]), range(outs), range(height), range(width)):
        first = o // (outs // groups) * ins
        for c, y, k in itertools.product(range(ins), range(kh), range(kw)):
            at = (i * strides[0] + y * dilations[0], j * strides[1] + k * dilations[1])
            out[n, o, i, j] += padded[n, first + c, at[0], at[1]] * weight[o, c, y, k]
    return out


@pytest.mark.parametrize(
    ("channels", "outs", "groups", "kernel", "strides", "dilations", "pads"),
    [
        (3, 4, 1, (1, 1), (1, 1), (1, 1), (0, 0, 0, 0)),
        (3, 4, 1, (3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),
        (3, 2, 1, (3, 2), (2, 1), (1, 2), (1, 0, 2, 1)),
        (4, 4, 4, (3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),
        (2, 6, 2, (5, 3), (1, 1), (1, 1), (2, 2, 1, 1)),
        (4, 6, 2, (3, 3), (1, 2), (1, 1), (0, 1, 2, 0)),
    ],
)
def test_convolutions_by_their_definition(channels, outs, groups, kernel, strides, dilations, pads) -> None:
    x = RNG.standard_normal((2, channels, 6, 7)).astype(np.float32)
    weight = RNG.standard_normal((outs, channels // groups, *kernel)).astype(np.float32)
    bias = RNG.standard_normal(outs).astype(np.float32)
    found = conv(
        {
            "x": x,
            "weight": weight,
            "bias": bias,
            "groups": np.int32(groups),
            "strides": np.int32(strides),
            "dilations": np.int32(dilations),
            "pad_type": "custom",
            "pad": np.int32(pads),
        }
    )
    expected = slow_conv(x, weight, groups, strides, dilations, pads) + bias[:, None, None]
    assert found.shape == expected.shape and np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pad_type": "same"}, "same"),
        ({"groups": np.int32(2)}, "does not fit"),
        ({"pad_type": "custom", "pad": np.int32([-1, 0, 0, 0])}, "no sense"),
        ({"pad_type": "custom", "pad": np.int32([1 << 30, 0, 1 << 30, 0])}, "the result would have"),
        ({"x": np.zeros((1, 3, 9), np.float32)}, "two dimensions"),
        ({"x": np.zeros((1, 3, 1, 1), np.float32)}, "the result would have"),
    ],
)
def test_convolutions_that_cannot_be_are_refused(changes, message) -> None:
    given = {"x": np.zeros((1, 3, 5, 5), np.float32), "weight": np.zeros((2, 3, 3, 3), np.float32)}
    with pytest.raises(InputError, match=message):
        conv(given | changes)


def test_norms_with_numbers_for_each_channel() -> None:
    """What coremltools makes of a product and a sum, and of means over all pixels."""
    mean, variance, gamma, beta = (np.float32([at, 2, 3]) for at in (1, 4, 0.5, 7))
    found = call("batch_norm", x=X, mean=mean, variance=variance, gamma=gamma, beta=beta, epsilon=np.float32(0.1))
    for channel in range(3):
        expected = gamma[channel] * (X[:, channel] - mean[channel]) / math.sqrt(variance[channel] + 0.1) + beta[channel]
        assert np.allclose(found[:, channel], expected, atol=1e-6)
    centred = call("instance_norm", x=X, epsilon=np.float32(0.0))
    assert np.allclose(centred.mean((2, 3)), 0, atol=1e-6) and np.allclose(centred.std((2, 3)), 1, atol=1e-5)


def test_blocks_and_channels_change_places_by_their_definition() -> None:
    deep = RNG.standard_normal((2, 8, 2, 3)).astype(np.float32)
    flat = call("depth_to_space", x=deep, block_size=np.int32(2))
    for n, c, i, j, h, w in itertools.product(*map(range, (2, 2, 2, 2, 2, 3))):
        assert flat[n, c, 2 * h + i, 2 * w + j] == deep[n, (2 * i + j) * 2 + c, h, w]
    assert flat.shape == (2, 2, 4, 6)
    assert np.array_equal(call("space_to_depth", x=flat, block_size=np.int32(2)), deep)


def test_reverse_turns_the_axes_that_are_given() -> None:
    assert np.array_equal(call("reverse", x=X, axes=np.int32([1, -1])), X[:, ::-1, :, ::-1])
    assert np.array_equal(call("reverse", x=X), X[::-1, ::-1, ::-1, ::-1])


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("depth_to_space", {"x": X, "block_size": np.int32(2)}),
        ("space_to_depth", {"x": X, "block_size": np.int32(2)}),
        ("space_to_depth", {"x": X, "block_size": np.int32(0)}),
        ("max_pool", {"x": X, "kernel_sizes": np.int32([9, 9]), "pad_type": "valid"}),
        ("max_pool", {"x": X, "kernel_sizes": np.int32([2, 2]), "pad_type": "valid", "ceil_mode": np.bool_(True)}),
        ("conv_transpose", {"x": X, "weight": np.zeros((4, 1, 2, 2), np.float32), "pad_type": "valid"}),
        ("gather", {"x": X, "indices": np.int32([0]), "batch_dims": np.int32(1)}),
        ("tile", {"x": X, "reps": np.int32([1 << 10, 1 << 10, 1 << 10, 1])}),
    ],
)
def test_what_makes_no_sense_is_said(kind: str, arguments: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match=f"^({kind}|pool|blocks): .*export again$"):
        call(kind, **arguments)
