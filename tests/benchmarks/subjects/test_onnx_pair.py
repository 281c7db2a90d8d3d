"""An ONNX file judged by another, as a user runs it: what passes, what is seen to fail, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from benchmarks.accuracy.options import CheckOptions
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.result_file import read_result
from benchmarks.run_check import run_check
from benchmarks.subjects.datasets import open_shipped
from benchmarks.subjects.onnx_pair import PairQuestion, open_pair
from dlgsanet.errors import GateError, InputError
from dlgsanet.imaging.photographs import PHOTOGRAPHS
from runtimes.runner.contract import RunOptions
from tests.export.networks.onnx_file.conftest import network

Write = Callable[..., Path]
TILE = (64, 64)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """(name, change of the model, options of `network`) -> a file."""

    def made(name: str, change: Callable[[onnx.ModelProto], None] | None = None, **options: object) -> Path:
        model = network(**options)  # type: ignore[arg-type]
        if change is not None:
            change(model)
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return made


def check(path: Path, reference: Path | None, **options: object) -> tuple[AccuracyRecord, ...]:
    """The records; what the exit code says is raised."""
    result = path.with_suffix(".json")
    asked = CheckOptions(path, reference=reference, json=result, below_bicubic=True, threads=1, **options)  # type: ignore[arg-type]
    run_check(asked)
    return tuple(read_result(result).of(AccuracyRecord))


def redder(model: onnx.ModelProto) -> None:
    """Two levels of 255 on red: the planted fault."""
    (shift,) = (tensor for tensor in model.graph.initializer if tensor.name == "top")
    model.graph.initializer.append(numpy_helper.from_array(np.float32([[[[2 / 255]], [[0]], [[0]]]]), "red"))
    assert numpy_helper.to_array(shift) == 1
    clip = next(node for node in model.graph.node if node.op_type == "Clip")
    model.graph.node.insert(list(model.graph.node).index(clip), helper.make_node("Add", ["j", "red"], ["redder"]))
    clip.input[0] = "redder"


def test_another_form_of_the_same_network_passes_and_a_planted_fault_does_not(write: Write) -> None:
    good = write("good")
    other = write("other", top=255.0, layout="NHWC", sides=TILE)
    artifact, reference = check(other, good)
    assert (artifact.artifact, artifact.precision, artifact.gate, artifact.tile) == ("other", "fp32", "pass", TILE)
    assert artifact.model == "good" and artifact.dataset == "shipped photographs"
    assert artifact.to_reference_db is not None and artifact.to_reference_db > 120 and len(artifact.probes) > 5
    assert reference.artifact == "onnxruntime-reference-64x64" and reference.tiling_drop_db is not None
    with pytest.raises(GateError, match=r"1 of 2 .* fault$"):
        check(write("fault", redder), good, tile=TILE)
    (fault, _) = read_result(good.with_name("fault.json")).of(AccuracyRecord)
    assert "mean shift of red" in fault.reason and fault.gate == "fail"


def test_the_limits_are_those_of_its_weights_or_of_the_precision_that_is_given(write: Write) -> None:
    def rounded(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name in ("w1", "w2"):
                near = numpy_helper.to_array(tensor).view(np.uint32) & np.uint32(0xFFFFC000)  # 9 bits of mantissa
                tensor.CopyFrom(numpy_helper.from_array(near.view(np.float32), tensor.name))

    good, near = write("good"), write("near", rounded)
    with pytest.raises(GateError):
        check(near, good, tile=TILE)
    artifact, _ = check(near, good, tile=TILE, precision="fp16")
    assert artifact.gate == "pass" and artifact.reason == "by the limits of fp16: most of its weights are fp32"


def test_operators_of_the_engine_alone_are_taken_in_what_is_judged(write: Write) -> None:
    def fused(model: onnx.ModelProto) -> None:
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        model.graph.node[0].CopyFrom(helper.make_node("QuickGelu", ["image"], ["lr_planes"], domain="com.microsoft"))

    good, odd = write("good"), write("odd", fused)
    asked = PairQuestion(odd, good, TILE, None, 1.0, "rgb", RunOptions())
    assert open_pair(asked).subject.artifact == "odd"
    with pytest.raises(InputError, match="QuickGelu"):
        open_pair(PairQuestion(good, odd, TILE, None, 1.0, "rgb", RunOptions()))


def test_a_range_that_cannot_be_told_is_that_of_the_reference(write: Write) -> None:
    def flat(model: onnx.ModelProto) -> None:
        (last,) = (node for node in model.graph.node if node.output[0] == "large")
        model.graph.initializer.append(numpy_helper.from_array(np.float32(0), "nothing"))
        last.CopyFrom(helper.make_node("Mul", ["sr_planes", "nothing"], ["large"]))

    found = open_pair(PairQuestion(write("flat", flat), write("good"), TILE, None, None, "rgb", RunOptions()))
    assert "flat.onnx: its pixels are taken to be in [0, 1], as the reference's: it does not show" in found.notes


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"scale": 3}, "other.onnx enlarges x3 and good.onnx x2: they are not the same network"),
        ({"sides": (32, 32)}, "other.onnx takes 32x32 alone, found a tile of 64x64"),
    ],
)
def test_what_cannot_be_the_same_network_is_refused(write: Write, made: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(write("other", **made), write("good"), tile=TILE)


def test_two_fixed_sizes_that_differ_are_refused(write: Write) -> None:
    with pytest.raises(InputError, match=r"good.onnx takes 48x48 alone, found a tile of 32x32: give another"):
        check(write("other", sides=(32, 32)), write("good", sides=(48, 48)))


def test_weights_without_limits_need_a_precision(write: Write) -> None:
    def double(model: onnx.ModelProto) -> None:
        wide = np.zeros((64, 64, 9, 9), np.float64)
        model.graph.initializer.append(numpy_helper.from_array(wide, "wide"))

    with pytest.raises(InputError, match=r"are fp64, which has no limits: .* --precision"):
        check(write("other", double), write("good"), tile=TILE)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "expected --reference FILE, the network that other.onnx should be"),
        ({"reference": True, "blocks": True}, "--blocks is for a bundle, and other.onnx is an ONNX file"),
        ({"reference": True, "artifacts": ("a",)}, "--artifact is for a bundle"),
        ({"reference": True, "precision": "fp61"}, "unknown precision 'fp61'"),
        ({"reference": True, "data": Path("a"), "photographs": True}, "found both"),
    ],
)
def test_options_that_cannot_be_are_refused(write: Write, options: dict[str, object], words: str) -> None:
    good = write("good")
    given = {**options, "reference": good if options.get("reference") else None}
    with pytest.raises(InputError, match=words):
        run_check(CheckOptions(write("other"), **given))  # type: ignore[arg-type]


def test_the_shipped_photographs_are_a_data_set_at_every_scale() -> None:
    for scale in (1, 2, 3, 4, 8):
        found = open_shipped(scale)
        assert [sample.hr.shape[0] for sample in found.samples()] == [
            sample.lr.shape[0] * scale for sample in found.samples()
        ]
    assert [item.name for item in found.items] == [photo.name for photo in PHOTOGRAPHS]
