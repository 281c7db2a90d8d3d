"""The dB ladder: who was made from whom, and figures that follow from the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks.accuracy.ladder import Ladder, rungs
from benchmarks.accuracy.verdicts import Conditions
from benchmarks.subjects.datasets import Dataset, Item, Sample
from benchmarks.subjects.reference import StoredReference
from benchmarks.subjects.subject import Origin, Subject
from dlgsanet.imaging.pixels import to_nchw
from runtimes.runner.contract import Runner

TILE = (16, 16)
TILED, WHOLE = "torch-reference-16x16", "torch-reference-whole"
STORED = StoredReference("stored", 4)


def subject(name: str) -> Subject:
    precision = name.partition("-")[2]
    return Subject(
        f"{name}-16x16", precision, TILE, cast(Runner, None), role="artifact", backend=name.partition("-")[0]
    )


def chain(*names: str) -> dict[str, str | None]:
    return {
        step.name.removesuffix("-16x16"): step.before for step in rungs([subject(name) for name in names], TILE, STORED)
    }


def test_every_step_names_the_one_it_was_made_from() -> None:
    found = chain("openvino-int8-mixed", "openvino-bf16", "openvino-int8", "openvino-fp32", "onnxruntime-fp32")
    assert list(found)[:3] == [WHOLE, "torch-reference", "onnxruntime-fp32"]
    assert found["onnxruntime-fp32"] == TILED
    assert found["openvino-fp32"] == "onnxruntime-fp32-16x16"
    assert found["openvino-bf16"] == found["openvino-int8"] == "openvino-fp32-16x16"
    assert found["openvino-int8-mixed"] == "openvino-bf16-16x16"


def test_small_weights_come_from_fp16_and_pictures_from_arrays() -> None:
    names = ["coreml-pal4", "coreml-int8w", "coreml-fp16", "coreml-fp32"]
    picture = Subject(
        "coreml-fp16-image-16x16", "fp16", TILE, cast(Runner, None), pictures=True, role="artifact", backend="coreml"
    )
    found = {step.name: step.before for step in rungs([*map(subject, names), picture], TILE, STORED)}
    assert found["coreml-pal4-16x16"] == found["coreml-int8w-16x16"] == "coreml-fp16-16x16"
    assert found["coreml-fp16-16x16"] == "coreml-fp32-16x16" and found["coreml-fp32-16x16"] == TILED
    assert found[picture.artifact] == "coreml-fp16-16x16"


def test_int8_comes_from_what_surrounds_it() -> None:
    found = chain("tensorrt-int8", "tensorrt-fp16", "tensorrt-fp32", "coreml-int8", "coreml-fp16", "openvino-int8")
    assert found["tensorrt-int8"] == "tensorrt-fp16-16x16" and found["coreml-int8"] == "coreml-fp16-16x16"
    assert found["openvino-int8"] == TILED
    assert chain("tensorrt-int8", "tensorrt-fp32")["tensorrt-int8"] == "tensorrt-fp32-16x16"


def test_what_the_bundle_lacks_is_stepped_over() -> None:
    assert chain("openvino-int8-mixed")["openvino-int8-mixed"] == TILED
    assert chain("openvino-bf16", "onnxruntime-fp32")["openvino-bf16"] == "onnxruntime-fp32-16x16"


@pytest.fixture
def sample() -> Sample:
    hr = np.random.default_rng(0).integers(40, 200, (32, 32, 3)).astype(np.uint8)
    return Sample(Item("a", Path("a.png")), hr, hr[::2, ::2])


@pytest.fixture
def context() -> Conditions:
    data = Dataset("set", 2, (), "given", "", "a" * 64)
    return Conditions(data, STORED, Origin("m", "b" * 64, 2), None)


def test_figures_follow_from_the_pictures(sample: Sample, context: Conditions) -> None:
    ladder = Ladder([subject("openvino-fp32"), subject("openvino-bf16")], STORED)
    perfect = to_nchw(sample.hr).astype(np.float32)
    outputs = {TILED: perfect, "openvino-fp32-16x16": perfect, "openvino-bf16-16x16": perfect + np.float32(0.01)}
    ladder.add(sample, outputs, context)
    tiled, fp32, bf16 = ladder.records(context)  # without the whole image the tiled reference is the top
    assert (tiled.step, tiled.before) == (TILED, None) and tiled.to_before_db is None
    assert fp32.to_before_db is None and fp32.drop_db == 0  # identical
    assert bf16.before == "openvino-fp32-16x16"
    assert bf16.to_before_db == pytest.approx(40, abs=1e-3) == bf16.to_before_worst_db == bf16.to_top_db


def test_an_identical_image_does_not_hide_the_others(sample: Sample, context: Conditions) -> None:
    ladder = Ladder([subject("openvino-fp32")], STORED)
    perfect = to_nchw(sample.hr).astype(np.float32)
    for error in (0.0, 0.01):
        ladder.add(sample, {TILED: perfect, "openvino-fp32-16x16": perfect + np.float32(error)}, context)
    assert ladder.records(context)[1].to_before_db == pytest.approx(40, abs=1e-3)


def test_an_artifact_that_did_not_run_is_stepped_over(sample: Sample, context: Conditions) -> None:
    ladder = Ladder([subject("openvino-fp32"), subject("openvino-bf16")], STORED)
    perfect = to_nchw(sample.hr).astype(np.float32)
    ladder.add(sample, {TILED: perfect, "openvino-bf16-16x16": perfect + np.float32(0.1)}, context)
    _, bf16 = ladder.records(context)
    assert bf16.step == "openvino-bf16-16x16"
    assert bf16.before == TILED
    assert bf16.to_before_db == pytest.approx(20, abs=1e-3)
