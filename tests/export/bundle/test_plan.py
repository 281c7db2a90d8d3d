"""The plan of an export: nothing is written, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dlgsanet.checkpoints import read_checkpoint
from dlgsanet.errors import InputError
from export.bundle.options import AUTO_FRAME, ExportOptions
from export.bundle.plan import plan_export
from export.networks.dlgsanet import memory_estimate
from export.quantization.options import CalibrationOptions
from runtimes.runner import contract

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


@pytest.mark.parametrize("no_vnni", [True, False])
def test_int8_that_the_processor_spoils_is_said(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, no_vnni: bool
) -> None:
    monkeypatch.setattr(contract, "overflows_int8", lambda: no_vnni)
    said: list[str] = []
    targets = ("openvino-int8", "openvino-int8w", "onnxruntime-int8", "litert-int8", "tensorrt-int8", "coreml-int8")
    plan_export(checkpoint, ExportOptions(targets, (TILE,)), said.append)
    assert [line.partition(",")[0] for line in said] == ["openvino-int8: this processor has no VNNI"] * no_vnni


def test_precisions_keep_only_those(checkpoint: Path) -> None:
    plan = plan_export(checkpoint, ExportOptions(("openvino",), (TILE,), precisions=("bf16",)), lambda line: None)
    assert [(it.backend, it.precision) for it in plan.targets] == [("openvino", "bf16")]


def test_tiles_are_given_or_chosen_for_frames() -> None:
    assert ExportOptions().fixed_tiles == ExportOptions(tiles=()).fixed_tiles == ((128, 128),)
    assert ExportOptions(frames=((90, 160),)).fixed_tiles == ()
    assert ExportOptions(frames=((90, 160),)).of_network.tiles == ((128, 128),)
    both = ExportOptions(tiles=(TILE, "auto"), frames=((90, 160),))
    assert both.fixed_tiles == (TILE,) and both.planned_frames == ((90, 160), AUTO_FRAME)
    assert both.of_network.tiles == (TILE,)


def test_a_frame_has_tiles_to_try_for_every_row(checkpoint: Path) -> None:
    options = ExportOptions(("onnxruntime-fp32", "openvino-fp32"), (TILE,), frames=((90, 160),))
    plan = plan_export(checkpoint, options, lambda line: None)
    assert [row.name for row in plan.rows] == ["onnxruntime-fp32", "openvino-fp32"]
    assert [it.tile for it in plan.targets] == [TILE, TILE]
    (shapes,) = plan.shapes.values()
    chosen = plan.with_tiles([(plan.rows[1], shapes[0].tile), (plan.rows[0], TILE)])
    assert [(it.backend, it.tile) for it in chosen[2:]] == [("openvino", shapes[0].tile)]  # each target once


def test_tiles_that_cannot_be_exported_here_are_not_tried(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ExportOptions(("onnxruntime-fp32",), frames=((180, 320),))
    (free,) = plan_export(checkpoint, options, lambda line: None).shapes.values()
    largest = max(shape.tile[0] * shape.tile[1] for shape in free)
    config = read_checkpoint(checkpoint).config
    monkeypatch.setattr(
        memory_estimate, "available_bytes", lambda: memory_estimate.export_bytes(config, (1, largest)) - 1
    )
    (scarce,) = plan_export(checkpoint, options, lambda line: None).shapes.values()
    assert scarce and max(shape.tile[0] * shape.tile[1] for shape in scarce) < largest
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: 0)
    with pytest.raises(InputError, match="frames of 320x180"):
        plan_export(checkpoint, options, lambda line: None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ExportOptions(("openvno",)), "did you mean openvino"),
        (ExportOptions(("openvino-fp32",), precisions=("bf16",)), "contradict"),
        (ExportOptions(("openvino",), precisions=("fp23",)), "unknown precision"),
        (ExportOptions(("openvino-fp32",), tune=True, lowering="basis"), "give one of them"),
        (ExportOptions(("openvino-fp32",), search=True), "--search chooses INT8 layers"),
        (ExportOptions(("openvino-fp32",), frames=((90, 160),), image=True), "--image is about Core ML"),
        (ExportOptions(("openvino-fp32",), frames=((90, 160),), lowering="unfolded"), "unknown lowering"),
        (ExportOptions(("openvino-fp32",), calibration=CalibrationOptions("photos")), "--calibration is for INT8"),
    ],
)
def test_what_cannot_be_is_refused(checkpoint: Path, options: ExportOptions, words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan_export(checkpoint, options, lambda line: None)
