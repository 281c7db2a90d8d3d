"""What a file says of itself when it has left its bundle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from export.targets.outputs import Stamp, ports
from export.targets.table import Target
from runtimes.bundle.artifact_facts import Certificate
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.bundle.manifest import Source

LR, SR = ports(Target("onnxruntime", "fp32", (128, 96)), 4)
NANO = Source("nano-x4", "a" * 64, {}, {"licence": "Apache-2.0"})
STAMP = Stamp(
    schema=1, id="onnxruntime-fp32-128x96", backend="onnxruntime", precision="fp32", tile=(128, 96), scale=4, input=LR,
    output=SR, lowering="basis", rewrites=(), hints={}, certificate=Certificate("float64", 1.0, 0.0, {}), source=NANO,
    tools={}, calibration_sha256=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "foreign", "wanted"),
    [
        ("nano-x4", False, "4x-dlgsanet-nano-fp32-128x96"),
        ("my DLGSANet (final)", False, "4x-my-DLGSANet-final-fp32-128x96"),
        ("4x-UltraSharp", True, "4x-UltraSharp-fp32-128x96"),
        ("4x_span", True, "4x-span-fp32-128x96"),
        ("swinir_x4", True, "4x-swinir-fp32-128x96"),
        ("2x-odd", True, "4x-2x-odd-fp32-128x96"),
        ("x4", True, "4x-x4-fp32-128x96"),
        ("超", True, "4x-fp32-128x96"),
    ],
)
def test_a_file_is_called_after_scale_network_and_precision(name: str, foreign: bool, wanted: str) -> None:
    other = Foreign("onnx", "a", "b", "float32", Pixels()) if foreign else None
    assert replace(STAMP, source=replace(NANO, name=name, foreign=other)).file == wanted


def test_a_variant_stays_in_the_name() -> None:
    made = replace(STAMP, id="onnxruntime-int8-mixed-lowrank-128x96", precision="int8-mixed")
    assert made.file == "4x-dlgsanet-nano-int8-mixed-lowrank-128x96"


def test_flat_facts_are_texts_and_what_is_not_known_is_left_out() -> None:
    assert STAMP.facts == {
        "name": "nano-x4",
        "scale": "4",
        "tile": "128x96",
        "precision": "fp32",
        "layout": "NCHW",
        "color": "RGB",
        "range": "0..1",
        "license": "Apache-2.0",
    }
    other = Foreign("spandrel", "a", "b", "float32", Pixels(), licence="CC-BY-4.0")
    assert replace(STAMP, source=replace(NANO, foreign=other)).facts["license"] == "CC-BY-4.0"
    assert "license" not in replace(STAMP, source=replace(NANO, metadata={})).facts
