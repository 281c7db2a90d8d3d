from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dlgsanet.errors import InputError, UnavailableError
from export.rewriting.lowerings import FORMS
from export.targets import choice, table
from export.targets import row as row_names
from export.targets.choice import (
    AUTO,
    default_targets,
    parse_frame,
    parse_targets,
    parse_tile,
    require_packages,
    target_names,
)
from export.targets.row import Row
from export.targets.table import REFUSED, TARGETS, Target, backends, precisions
from export.targets.views import table_json, targets_table
from runtimes.backends.registry import BUILT_IN
from runtimes.bundle.manifest import PRECISIONS


def names(rows: tuple[Row, ...]) -> list[str]:
    return [row.name for row in rows]


def test_the_table_uses_the_names_of_the_manifest_and_of_the_runners() -> None:
    assert set(precisions()) <= set(PRECISIONS)
    assert set(backends()) <= set(BUILT_IN)
    assert len(set(names(TARGETS))) == len(TARGETS)


def test_every_row_states_a_known_lowering_and_the_names_agree() -> None:
    assert set(row_names.LOWERINGS) == set(FORMS)
    assert {row.lowering for row in TARGETS} <= set(row_names.LOWERINGS)


def test_openvino_pins_the_precision_it_is_named_after() -> None:
    hints = {row.precision: dict(row.hints) for row in TARGETS if row.backend == "openvino"}
    assert {key: value["INFERENCE_PRECISION_HINT"] for key, value in hints.items()} == {
        "fp32": "f32",
        "int8w": "f32",  # the weights of a file are no precision to compute in
        "bf16": "bf16",
        "fp16": "f16",
        "int8": "f32",
        "int8-mixed": "bf16",
    }


def test_refused_pairs_are_not_in_the_table() -> None:
    assert not {(row.backend, row.precision) for row in TARGETS} & set(REFUSED)


@pytest.mark.parametrize(
    ("to", "precision", "expected"),
    [
        ([], [], names(default_targets())),
        (
            [],
            ["int8"],
            [
                "onnxruntime-int8",
                "openvino-int8",
                "coreml-int8",
                "tensorrt-int8",
                "tensorrt-rtx-int8",
                "litert-int8",
                "executorch-int8",
            ],
        ),
        (["openvino-int8-mixed"], [], ["openvino-int8-mixed"]),
        (["onnxruntime"], [], ["onnxruntime-fp32"]),
        (["openvino"], [], ["openvino-fp32", "openvino-bf16", "openvino-fp16"]),
        (["openvino"], ["bf16"], ["openvino-bf16"]),
        (
            [],
            ["fp32"],
            [
                "onnxruntime-fp32",
                "openvino-fp32",
                "coreml-fp32",
                "tensorrt-fp32",
                "tensorrt-rtx-fp32",
                "litert-fp32",
                "executorch-fp32",
                "executorch-vulkan-fp32",
            ],
        ),
        (["coreml-pal6"], [], ["coreml-pal6"]),
        ([], ["pal4"], ["coreml-pal4"]),
        (["openvino-fp16", "onnxruntime-fp32"], [], ["onnxruntime-fp32", "openvino-fp16"]),
        (["openvino-fp16", "openvino-fp16"], ["fp16"], ["openvino-fp16"]),
        (["ov-fp16", "ORT"], [], ["onnxruntime-fp32", "openvino-fp16"]),
        (["trt-fp16", "apple-fp16"], [], ["coreml-fp16", "tensorrt-fp16"]),
        (["openvino-fp16", "openvino"], [], ["openvino-fp32", "openvino-bf16", "openvino-fp16"]),
    ],
)
def test_targets_are_chosen_by_name_backend_and_precision(
    to: list[str], precision: list[str], expected: list[str]
) -> None:
    assert names(parse_targets(to, precision)) == expected


def test_a_backend_that_is_named_gives_its_rows_on_request_where_it_has_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = tuple(replace(row, on_request=row.backend == "openvino") for row in TARGETS)
    for module in (table, choice):
        monkeypatch.setattr(module, "TARGETS", rows)
    assert names(parse_targets(["openvino"], [])) == [row.name for row in rows if row.backend == "openvino"]


@pytest.mark.parametrize(
    ("to", "precision", "message"),
    [
        (["opnvino-fp32"], [], "did you mean openvino-fp32"),
        (["openvin"], [], "did you mean openvino"),
        (["openvino"], ["fp23"], "unknown precision 'fp23'"),
        (["onnxruntime-bf16"], [], "no bf16 convolution"),
        (["onnxruntime", "openvino"], ["bf16"], "no bf16 convolution"),
        (["openvino-fp16"], ["bf16"], "contradict"),
        (["tensorrt-fp17"], [], "did you mean tensorrt-fp16"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(to: list[str], precision: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_targets(to, precision)


@pytest.mark.parametrize("tile", [(0, 128), (128, 0), (-1, 5)])
def test_a_target_refuses_a_tile_that_is_not_positive(tile: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="at least 1x1"):
        Target("openvino", "fp32", tile)


def test_a_target_refuses_unknown_pairs_and_opsets() -> None:
    with pytest.raises(InputError, match="did you mean openvino"):
        Target("openvno", "fp32")
    with pytest.raises(InputError, match="unknown precision"):
        Target("openvino", "int3")
    with pytest.raises(InputError, match="no bf16 convolution"):
        Target("onnxruntime", "bf16")
    with pytest.raises(InputError, match="from 18 to"):
        Target("openvino", "fp32", opset=17)


@pytest.mark.parametrize(("text", "tile"), [("128", (128, 128)), ("128x96", (128, 96)), ("64X32", (64, 32))])
def test_tiles_are_height_by_width(text: str, tile: tuple[int, int]) -> None:
    assert parse_tile(text) == tile


@pytest.mark.parametrize("text", ["0", "-1", "128x0", "x", "", "a", "1x2x3", "12.5", "١٢"])
def test_bad_tiles_are_named(text: str) -> None:
    with pytest.raises(InputError, match="expected a tile"):
        parse_tile(text)


def test_a_missing_package_names_the_extra_that_brings_it() -> None:
    row = Row("openvino", "fp32", "openvino", ("no_such_package",), (), "basis", "", "")
    with pytest.raises(UnavailableError, match=r"no_such_package.*dlgsanet-edge\[export,openvino\]"):
        require_packages((row,))


def test_the_markdown_table_and_the_json_hold_every_row() -> None:
    table = targets_table()
    listed = json.loads(json.dumps(table_json()))
    assert [row["target"] for row in listed["targets"]] == names(TARGETS)
    assert all(f"`{row.name}`" in table for row in TARGETS)
    assert len(table.splitlines()) == len(TARGETS) + 2
    assert "onnxruntime-bf16" in listed["refused"]


def test_to_accepts_rows_and_backends() -> None:
    for name in target_names():
        assert parse_targets([name], [])


def test_frames_are_width_by_height_and_tiles_may_be_chosen() -> None:
    assert parse_frame("1920x1080") == (1080, 1920) and parse_frame("320X180") == (180, 320)
    assert parse_tile("auto") == AUTO
    for text in ("1920", "0x10", "10x0", "1920x1080x3", "-3x4", "x", "auto", "\u0663x4", "10000000x1"):
        with pytest.raises(InputError, match="correct --frame"):
            parse_frame(text)
