"""What cannot be said in MIL or held by fp16 is refused, with the reason, before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import BackendError, InputError
from export.backends.coreml.convert import PackageOptions, convert_coreml, label
from export.backends.coreml.program import HALF_TINY, round_to_half
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.targets.table import Target

pytest.importorskip("coremltools")


def test_half_keeps_guards_above_zero_and_refuses_what_overflows() -> None:
    assert round_to_half(np.float32(1e-12)) == HALF_TINY and round_to_half(np.float32(0.5)) == 0.5
    assert round_to_half(np.float32([1e-12, 1.0])).tolist() == [0.0, 1.0]  # a tensor of weights is no guard
    with pytest.raises(BackendError, match="70000 is beyond fp16"):
        round_to_half(np.float32([1.0, -70000.0]))


def test_an_operator_that_is_not_known_is_named(tmp_path) -> None:
    onnx = pytest.importorskip("onnx")
    ports = [onnx.helper.make_tensor_value_info(n, 1, [1, 3, 4, 4]) for n in ("lr", "sr")]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Atan", ["lr"], ["sr"], name="x.Atan")], "g", ports[:1], ports[1:]
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "g.onnx")
    options = PackageOptions("fp16", (4, 4), 1, False, "iOS17", "x")
    with pytest.raises(BackendError, match=r"no MIL form is known for Atan \(x\.Atan\)"):
        convert_coreml(tmp_path / "g.onnx", tmp_path / "p.mlpackage", options, label(options, {}, {}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Target("coreml", "int8", deployment="iOS16"), "iOS17 brought"),
        (lambda: Target("coreml", "bf16"), "fp32 or fp16 only"),
        (lambda: Target("coreml", "fp16", deployment="iOS12"), "deployment target"),
    ],
)
def test_targets_that_cannot_be_are_refused_with_the_reason(make, message) -> None:
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [("enumerated", "give --shapes functions"), ("range", "Neural Engine"), ("function", "did you mean functions")],
)
def test_flexible_shapes_are_refused_with_the_reason(shapes, reason, capsys, tmp_path) -> None:
    from dlgsanet.__main__ import main

    assert main(["export", "nano-x4", "-o", str(tmp_path / "b"), "--to", "coreml-fp16", "--shapes", shapes]) == 2
    assert reason in capsys.readouterr().err and not (tmp_path / "b").exists()


def test_pictures_without_core_ml_are_a_mistake(tmp_path) -> None:
    options = ExportOptions(("onnxruntime",), ((48, 40),), image=True)
    with pytest.raises(InputError, match="--to coreml"):
        export_bundle("nano-x4", tmp_path / "b", options)


def test_a_factor_and_a_shift_for_each_channel_convert_in_fp16(tmp_path: Path) -> None:
    """coremltools would make a batch norm of mixed types of them."""
    import onnx

    ports = [onnx.helper.make_tensor_value_info(n, 1, [1, 3, 4, 4]) for n in ("lr", "sr")]
    held = [
        onnx.numpy_helper.from_array(np.float32([1, 2, 3]).reshape(3, 1, 1) + at, name) for at, name in enumerate("ab")
    ]
    nodes = [
        onnx.helper.make_node("Mul", ["lr", "a"], ["m"], name="x.Mul"),
        onnx.helper.make_node("Add", ["m", "b"], ["sr"], name="y.Add"),
    ]
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", ports[:1], ports[1:], held)), tmp_path / "g.onnx"
    )
    options = PackageOptions("fp16", (4, 4), 1, False, "iOS17", "x")
    convert_coreml(tmp_path / "g.onnx", tmp_path / "p.mlpackage", options, label(options, {}, {}))
    assert (tmp_path / "p.mlpackage" / "Manifest.json").is_file()
