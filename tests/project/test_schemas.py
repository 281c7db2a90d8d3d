"""The JSON Schemas in docs/ are those of the code, accept what we write, and refuse what is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import benchmarks
from benchmarks.records.result_file import read_result
from dlgsanet.storage.typed_json import to_json
from docs.tables.json_schema import FILES, schema_texts
from runtimes.bundle.manifest import read_manifest
from tests.benchmarks.bundles import make_bundle
from tests.benchmarks.records import result_examples as examples

jsonschema = pytest.importorskip("jsonschema")
ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "reference" / "schemas"
RESULTS = [
    path
    for path in sorted((Path(benchmarks.__file__).parent / "results").glob("*.json"))
    if b'"records"' in path.read_bytes()
]


def validator(name: str) -> Any:
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_committed_schemas_are_those_of_the_code() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert committed == schema_texts(), "run make docs"
    assert committed.keys() == FILES.keys()


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_committed_results_are_valid_in_schema_2(path: Path) -> None:
    validator("result-2.json").validate(to_json(read_result(path)))


def test_a_manifest_is_valid_as_it_lies_in_its_bundle(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b")
    read_manifest(tmp_path / "b")
    validator("manifest-1.json").validate(json.loads((tmp_path / "b" / "manifest.json").read_text()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 3),
        (("records", 0, "role"), "rival"),
        (("records", 0, "tile"), [8]),
        (("records", 0, "kind"), "speed"),
        (("records", 0, "p50_ms"), "2"),
        (("records", 0, "extra"), 1),
        (("environment", "packages"), {"numpy": 2}),
        (("created",), None),
    ],
)
def test_a_wrong_result_is_refused(path: tuple[Any, ...], value: Any) -> None:
    right = to_json(examples.timed(examples.DESKTOP, [examples.latency("openvino-fp32-128x128", 9)]))
    validator("result-2.json").validate(right)
    assert not validator("result-2.json").is_valid(changed(right, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("scale",), 0),
        (("artifacts", 0, "precision"), "fp31"),
        (("artifacts", 0, "path"), "../outside"),
        (("artifacts", 0, "path"), "/etc/passwd"),
        (("artifacts", 0, "files"), {"x": "abc"}),
        (("artifacts", 0, "tile"), [8, 0]),
        (("artifacts", 0, "function"), "tile 8"),
        (("source", "sha256"), "A" * 64),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, path: tuple[Any, ...], value: Any) -> None:
    right = to_json(read_manifest(make_bundle(tmp_path / "b")))
    assert not validator("manifest-1.json").is_valid(changed(right, path, value))


def changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(tree)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made
