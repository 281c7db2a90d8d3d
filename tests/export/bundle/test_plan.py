"""The plan of an export: nothing is written, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dlgsanet.checkpoints import read_checkpoint
from dlgsanet.errors import InputError
from export.bundle.options import ExportOptions
from export.bundle.plan import plan_export
from export.quantization.options import CalibrationOptions

TILE = (24, 20)


def test_it_holds_every_target_at_every_tile(checkpoint: Path, tmp_path: Path) -> None:
    options = ExportOptions(("onnxruntime-fp32", "openvino-fp32"), (TILE, (32, 32)))
    plan = plan_export(checkpoint, options, lambda line: None)
    assert [(it.backend, it.tile) for it in plan.targets] == [
        ("onnxruntime", TILE),
        ("openvino", TILE),
        ("onnxruntime", (32, 32)),
        ("openvino", (32, 32)),
    ]
    assert plan.network.name == "small" and plan.options is options


def test_an_assumed_activation_is_said(checkpoint: Path, tmp_path: Path) -> None:
    torch.save(dict(read_checkpoint(checkpoint).state), tmp_path / "plain.pth")
    said: list[str] = []
    plan_export(tmp_path / "plain.pth", ExportOptions(("openvino-fp32",), (TILE,)), said.append)
    assert "plain.pth does not say its attention's activation: relu is assumed" in said[0]
    said.clear()
    plan_export(tmp_path / "plain.pth", ExportOptions(("openvino-fp32",), (TILE,), activation="relu"), said.append)
    plan_export(checkpoint, ExportOptions(("openvino-fp32",), (TILE,)), said.append)
    assert said == []


def test_precisions_keep_only_those(checkpoint: Path) -> None:
    plan = plan_export(checkpoint, ExportOptions(("openvino",), (TILE,), precisions=("bf16",)), lambda line: None)
    assert [(it.backend, it.precision) for it in plan.targets] == [("openvino", "bf16")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ExportOptions(("openvno",)), "did you mean openvino"),
        (ExportOptions(("openvino-fp32",), precisions=("bf16",)), "contradict"),
        (ExportOptions(("openvino",), precisions=("fp23",)), "unknown precision"),
        (ExportOptions(("openvino-fp32",), tune=True, lowering="basis"), "give one of them"),
        (ExportOptions(("openvino-fp32",), search=True), "--search chooses INT8 layers"),
        (ExportOptions(("openvino-fp32",), calibration=CalibrationOptions("photos")), "--calibration is for INT8"),
    ],
)
def test_what_cannot_be_is_refused(checkpoint: Path, options: ExportOptions, words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan_export(checkpoint, options, lambda line: None)
