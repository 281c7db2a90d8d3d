"""What a network does is found by running it."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd, prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlgsanet.errors import InputError
from export.networks.onnx_file.looking import TRIED, looked
from export.networks.onnx_file.memory_need import PIXELS
from runtimes.backends.onnxruntime.look import LookJob, look
from runtimes.machine.memory import peak_rss_mb
from tests.export.networks.onnx_file.changes import DEVIATION, MEAN, in_bf16, wanting_norms

MakeFile = Callable[..., Path]
Change = Callable[[onnx.ModelProto], None]


def job(path: Path, **known: object) -> LookJob:
    return LookJob(str(path), **{"scale": None, "top": None, "channels": "rgb", **known})  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("top", [1.0, 255.0])
def test_scale_and_range_are_found(onnx_file: MakeFile, scale: int, top: float) -> None:
    found = looked(job(onnx_file(scale=scale, top=top)))
    assert (found.scale, found.foreign.pixels.top, found.foreign.multiple) == (scale, top, 1)
    assert any("a photograph comes out" in note for note in found.notes)
    assert any("does not enlarge" in note for note in found.notes) == (scale == 1)


def test_a_size_rule_is_found(onnx_file: MakeFile) -> None:
    def by_fours(model: onnx.ModelProto) -> None:
        down = helper.make_node("SpaceToDepth", ["image"], ["small"], blocksize=4)
        model.graph.node[0].CopyFrom(helper.make_node("DepthToSpace", ["small"], ["lr_planes"], blocksize=4))
        model.graph.node.insert(0, down)

    assert looked(job(onnx_file(by_fours), top=1.0)).foreign.multiple == 4
    fixed = looked(job(onnx_file(sides=(24, 20)), top=1.0)).foreign
    assert (fixed.fixed, fixed.takes((24, 20)), fixed.takes((48, 40))) == ((24, 20), True, False)


@pytest.mark.parametrize("multiple", [3, 7, 12, 48])
def test_windows_of_any_side_are_found(onnx_file: MakeFile, multiple: int) -> None:
    def in_windows(model: onnx.ModelProto) -> None:
        down = helper.make_node("SpaceToDepth", ["image"], ["small"], blocksize=multiple)
        model.graph.node[0].CopyFrom(helper.make_node("DepthToSpace", ["small"], ["lr_planes"], blocksize=multiple))
        model.graph.node.insert(0, down)

    assert looked(job(onnx_file(in_windows), top=1.0)).foreign.multiple == multiple


def test_every_multiple_is_tried_with_sides_of_no_more() -> None:
    multiples = [multiple for multiple, _ in TRIED]
    assert [gcd(*size) for _, size in TRIED] == multiples and len(set(multiples)) == len(multiples)
    assert max(prod(size) for _, size in TRIED) == PIXELS


def test_a_network_that_wants_larger_sides_is_not_one_of_threes(onnx_file: MakeFile) -> None:
    def reflecting(model: onnx.ModelProto) -> None:
        known = {"around": np.array([0, 0, 38, 38, 0, 0, 38, 38]), "first": np.array([38, 38]),
                 "last": np.array([-38, -38]), "axes": np.array([2, 3])}  # fmt: skip
        model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in known.items())
        model.graph.node[0].CopyFrom(helper.make_node("Slice", ["padded", "first", "last", "axes"], ["lr_planes"]))
        model.graph.node.insert(0, helper.make_node("Pad", ["image", "around"], ["padded"], mode="reflect"))

    assert looked(job(onnx_file(reflecting), top=1.0)).foreign.multiple == 8  # whose sides are the first above 38


def repeated(times: float) -> Change:
    """A network that repeats its picture as many times as its brightest pixel says, and takes the mean."""

    def change(model: onnx.ModelProto) -> None:
        constants = {"times": np.float32(times), "shape": np.array([1]), "sides": np.ones(4, np.int64),
                     "first": np.array([0])}  # fmt: skip
        model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
        model.graph.node[0].CopyFrom(helper.make_node("ReduceMean", ["many"], ["lr_planes"], axes=[0], keepdims=0))
        for node in reversed(
            (
                helper.make_node("ReduceMax", ["image"], ["brightest"], keepdims=0),
                helper.make_node("Mul", ["brightest", "times"], ["product"]),
                helper.make_node("Cast", ["product"], ["count"], to=TensorProto.INT64),
                helper.make_node("Reshape", ["count", "shape"], ["counts"]),
                helper.make_node("Concat", ["counts", "sides"], ["into"], axis=0),
                helper.make_node("Unsqueeze", ["image", "first"], ["single"]),
                helper.make_node("Expand", ["single", "into"], ["many"]),
            )
        ):
            model.graph.node.insert(0, node)

    return change


@pytest.mark.skipif(peak_rss_mb() is None, reason="the system does not tell a process's memory")
def test_memory_asked_for_by_values_is_seen(onnx_file: MakeFile) -> None:
    """It runs out of memory for pixels in [0, 255], and so they are not."""
    found = look(job(onnx_file(repeated(3000))))
    assert found.foreign.pixels.top == 1.0
    assert found.pixel_bytes is not None and found.pixel_bytes > 2000 * 3 * 4
    few = look(job(onnx_file(repeated(3)))).pixel_bytes
    assert few is not None and few < found.pixel_bytes / 2  # some 10 MB of the process are in it


def test_one_colour_is_no_picture(onnx_file: MakeFile) -> None:
    def black(model: onnx.ModelProto) -> None:
        model.graph.node[-1].CopyFrom(helper.make_node("Mul", ["sr_planes", "zero"], ["large"]))

    with pytest.raises(InputError, match="gives one colour for a photograph, whatever its range"):
        looked(job(onnx_file(black)))


def test_what_does_not_enlarge_a_picture_is_refused(onnx_file: MakeFile) -> None:
    def classifier(model: onnx.ModelProto) -> None:
        model.graph.node[-1].CopyFrom(helper.make_node("ReduceMean", ["sr_planes"], ["large"], axes=[2, 3]))

    with pytest.raises(InputError, match=r"found \[1, 3, 1, 1\]: is this a super-resolution network"):
        looked(job(onnx_file(classifier)))
    with pytest.raises(InputError, match="--scale says x4, the network gives x2"):
        looked(job(onnx_file(), scale=4))


def test_a_range_that_cannot_be_told_is_asked_for(onnx_file: MakeFile) -> None:
    def linear(model: onnx.ModelProto) -> None:
        model.graph.node[-1].input[0] = "skip"

    with pytest.raises(InputError, match="give --range 1 or --range 255"):
        looked(job(onnx_file(linear)))
    assert looked(job(onnx_file(linear), top=255.0)).foreign.pixels.top == 255


def test_it_is_asked_of_a_process_of_its_own(onnx_file: MakeFile) -> None:
    assert look(job(onnx_file(), top=1.0)).scale == 2
    with pytest.raises(InputError, match="is no ONNX file"):
        path = onnx_file()
        path.write_bytes(b"GIF89a")
        look(job(path))


def classifier(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("GlobalAveragePool", ["large"], ["pooled"]))
    model.graph.node.append(helper.make_node("Flatten", ["pooled"], ["classes"]))
    model.graph.output[0].name = "classes"
    del model.graph.output[0].type.tensor_type.shape.dim[2:]


def half_as_large_again(model: onnx.ModelProto) -> None:
    by = onnx.helper.make_tensor("by", onnx.TensorProto.FLOAT, [4], [1, 1, 0.75, 0.75])
    model.graph.initializer.append(by)
    model.graph.node.append(helper.make_node("Resize", ["large", "", "by"], ["larger"], mode="nearest"))
    model.graph.output[0].name = "larger"


def another_output(model: onnx.ModelProto) -> None:
    for dim, side in zip(model.graph.output[0].type.tensor_type.shape.dim, (1, 3, 77, 99), strict=True):
        dim.dim_value = side


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (classifier, r"^expected a picture some whole .* found \[1, 3\]: is this a super-resolution network\?$"),
        (half_as_large_again, r"found \[1, 3, 55, 61\]: is this a super-resolution .*; no size up to 64x192 works$"),
        (
            another_output,
            r"^the file declares its output 'large' as \(1, 3, 77, 99\), and of 37x41 gives \(1, 3, 74, 82\)",
        ),
    ],
)
def test_other_networks_are_refused_in_one_line(onnx_file: MakeFile, change: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        looked(job(onnx_file(change), top=1.0))


def test_a_fixed_classifier_is_not_tried_at_other_sizes(onnx_file: MakeFile) -> None:
    with pytest.raises(InputError, match=r"input \(1, 3, 24, 20\), found \[1, 3\]: is this a .* network\?$"):
        looked(job(onnx_file(classifier, sides=(24, 20)), top=1.0))


def test_sides_of_minus_one_may_change(onnx_file: MakeFile) -> None:
    def unsaid(model: onnx.ModelProto) -> None:
        for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
            dim.dim_value = -1

    assert looked(job(onnx_file(unsaid), top=1.0)).foreign.fixed is None


@pytest.mark.parametrize("top", [None, 1.0])
@pytest.mark.parametrize("gives", [False, True])
def test_whether_the_output_has_the_mean_too_is_found(onnx_file: MakeFile, gives: bool, top: float | None) -> None:
    path = onnx_file(lambda model: wanting_norms(model, gives))
    found = looked(job(path, mean=MEAN, deviation=DEVIATION, top=top))
    pixels = found.foreign.pixels
    assert (pixels.top, pixels.output) == (1.0, "normalized" if gives else "picture")
    assert any("its output is taken to be" in note for note in found.notes)
    assert ("the output too" in pixels.said) == gives


def test_numbers_in_bf16_are_looked_at_in_fp32(onnx_file: MakeFile) -> None:
    found = looked(job(onnx_file(in_bf16)))
    assert (found.holds_half, found.holds_bfloat16, found.foreign.dtype) == (True, True, "float32")
    plain = looked(job(onnx_file()))
    assert not plain.holds_bfloat16 and found.scale == plain.scale
