from __future__ import annotations

import base64
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.records.accuracy import AccuracyRecord, DatasetNote, ImageRow
from benchmarks.records.environment import Environment
from benchmarks.records.latency import LatencyRecord, RatioRecord
from benchmarks.records.pictures import Crop
from benchmarks.records.result_file import (
    ResultFile,
    new_result,
    parse_result,
    read_result,
    require_place,
    write_result,
)
from dlgsanet.errors import InputError
from dlgsanet.storage import typed_json

ENVIRONMENT = Environment(
    project="0.1.0",
    machine="board",
    cpu="cpu",
    cores=4,
    threads=4,
    instruction_sets=("avx2",),
    memory_gb=8.0,
    system="Linux",
    architecture="x86_64",
    python="3.11",
    packages={"numpy": "2"},
)
SHA = "a" * 64


def png() -> str:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def compared(ratio: float) -> RatioRecord:
    return RatioRecord(
        "a", "b", SHA, (8, 8), ratio, 0.4, 0.6, "faster", "stated", "", role="artifact", backend="openvino",
        other_role="peer", other_backend="torch",
    )  # fmt: skip


def example() -> ResultFile:
    row = ImageRow("baby", 33.1, 0.9, 0.0, 0.0, None, True)
    protocol = "x4/y/b4/r8/given/t8x8+4/aaaaaaaa"
    accuracy = AccuracyRecord(
        "openvino-fp32-8x8", "m", SHA, "fp32", (8, 8), "Set5", protocol, "torch", "pass", "", psnr_db=33.1,
        images=(row,), role="artifact", backend="openvino",
    )  # fmt: skip
    latency = LatencyRecord(
        "openvino-fp32-8x8", "m", SHA, "fp32", (8, 8), "pass", "", 2.0, 1.0, 3.0, 3.0, 3.0, (1.0, 2.0, 3.0),
        9.0, 100.0, 0.5, role="artifact", backend="openvino",
    )  # fmt: skip
    ratio = compared(0.5)
    note = DatasetNote("Set5", SHA, 5, "given", "research use")
    crop = Crop("baby", "Set5", SHA, (0, 0, 2, 2), {"HR": png()})
    return new_result(ENVIRONMENT, (accuracy, latency, ratio), (note,), (crop,))


def test_a_result_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    result = example()
    write_result(tmp_path / "r.json", result)
    assert read_result(tmp_path / "r.json") == result
    assert len(result.of(AccuracyRecord)) == len(result.of(LatencyRecord)) == len(result.of(RatioRecord)) == 1


def test_nan_is_never_written(tmp_path: Path) -> None:
    ratio = compared(float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_result(tmp_path / "r.json", new_result(ENVIRONMENT, (ratio,)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("schema", "words"),
    [(3, "found 3; update dlgsanet-edge"), (0, "found 0; measure again"), (None, "result file")],
)
def test_another_schema_is_refused_before_its_fields_are_looked_at(schema: int | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_result(json.dumps({"schema": schema, "anything": 1}), "r.json")


def damage(path: tuple[Any, ...], value: Any) -> str:
    tree = json.loads(typed_json.encode(example()))
    place = tree
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(tree)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("records", 0, "gate"), "PASS", r"gate: expected one of pass, fail"),
        (("records", 0, "gate"), ["pass"], r"gate: expected one of"),
        (("records", 0, "gate"), ..., r"'gate' is missing"),
        (("records", 0, "role"), "rival", r"role: expected one of artifact, peer, reference"),
        (("records", 0, "backend"), ..., r"'backend' is missing"),
        (("records", 0, "psnr_db"), "33", r"psnr_db: expected a number"),
        (("records", 0, "psnr_db"), True, r"psnr_db: expected a number"),
        (("records", 0, "psnr_db"), 10**400, r"psnr_db: expected a finite number"),
        (("records", 0, "tile"), [8], r"tile: expected 2 values"),
        (("records", 0, "tile"), [8.5, 8], r"expected a whole number"),
        (("records", 0, "kind"), "speed", r"kind: expected one of accuracy, latency, ratio"),
        (("records", 0, "kind"), {}, r"kind: expected one of"),
        (("records", 0, "extra"), 1, r"unknown field 'extra'"),
        (("records", 0, "images", 0, "ssim"), None, r"images\[0\].ssim: expected a number"),
        (("records", 1, "samples_ms", 0), -1.0, r"times above zero"),
        (("records", 1, "p50_ms"), None, r"all or none"),
        (("records", 1, "p50_ms"), 3.5, r"p50_ms within its interval"),
        (("records", 1, "p99_ms"), 5e-324, r"p99_ms: expected times above zero, from 1e-6"),
        (("records", 2, "ratio"), 0, r"ratio: expected a number from 1e-09 to 1e\+09, found 0"),
        (("records", 2, "ratio_low"), 0.9, r"ratio within its interval"),
        (("records", 0, "psnr_db"), 1e308, r"psnr_db: expected a number from -1000 to 1000"),
        (("records", 0, "tile"), [0, 8], r"tile\[0\]: expected a whole number of at least 1"),
        (("records",), {}, r"records: expected a list"),
        (("records", 0, "worst_image"), "\ud800", r"not valid JSON .*surrogates"),
        (("records", 0), 3, r"records\[0\]: expected an object"),
        (("environment", "packages"), [], r"packages: expected an object"),
        (("crops", 0, "pictures", "HR"), "<script>", r"not base64"),
        (("crops", 0, "pictures", "HR"), "PHN2Zz4=", r"not a PNG"),
    ],
)
def test_each_damaged_field_is_named(path: tuple[Any, ...], value: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_result(damage(path, value), "r.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2]",
        '{"schema": 1, "schema": 1}',
        '{"schema": NaN}',
        "\x00",
        "[" * 100_000,
        '{"schema": true}',
    ],
)
def test_what_is_no_result_file_gets_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_result(text, "r.json")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json"):
        read_result(tmp_path / "none.json")


def test_a_place_that_cannot_be_written_is_refused_before_measuring(tmp_path: Path) -> None:
    require_place(tmp_path / "new" / "deep" / "r.json")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="found a folder"):
        require_place(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="found the file"):
        require_place(tmp_path / "file" / "r.json")


def test_only_a_result_file_is_replaced_by_one(tmp_path: Path) -> None:
    place = tmp_path / "r.json"
    place.touch()
    require_place(place)
    place.write_text('{"schema": 7, "environment": {}, "records": []}')
    require_place(place)
    for other in ('{"schema": 1, "name": "nano-x4", "artifacts": []}', "\x89PNG", "[1]"):
        place.write_text(other)
        with pytest.raises(InputError, match="would be lost"):
            require_place(place)
        assert place.read_text() == other


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


def places(tree: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [place for key in keys for place in [(*here, key), *places(tree[key], (*here, key))]]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_stands_anywhere_it_is_read_or_refused_in_one_line(data: st.DataObject) -> None:
    tree = json.loads(typed_json.encode(example()))
    text = damage(data.draw(st.sampled_from(places(tree))), data.draw(JSON))
    try:
        result = parse_result(text, "r.json")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert parse_result(typed_json.encode(result), "again") == result


DESIGN_ACCURACY = (
    "artifact dataset protocol psnr_db ssim drop_db to_reference_db to_reference_worst_db tiling_drop_db "
    "worst_image worst_drop_db gate reason"
)
DESIGN_LATENCY = (
    "artifact tile p50_ms p95_ms p99_ms samples_ms load_ms peak_rss_mb output_megapixels_per_s device "
    "reported_precision gate reason"
)


@pytest.mark.parametrize(("record", "names"), [(AccuracyRecord, DESIGN_ACCURACY), (LatencyRecord, DESIGN_LATENCY)])
def test_every_field_of_the_design_is_in_the_records(record: type, names: str) -> None:
    assert {field.name for field in dataclasses.fields(record)} >= set(names.split())
