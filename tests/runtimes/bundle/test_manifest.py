"""The manifest: written and read the same, refused when anything is off, nothing loaded before its hash is
right."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from dlgsanet.errors import ExitCode, InputError
from runtimes import open_runner
from runtimes.bundle.artifact_facts import Certificate
from runtimes.bundle.manifest import (
    Manifest,
    PackEntry,
    artifact_id,
    manifest_json,
    read_manifest,
    read_verified,
    select,
    verify,
)


@pytest.fixture
def manifest(kit) -> Manifest:
    made = [
        kit.artifact(backend, precision, tile, f"{backend}/{precision}.x", {f"{backend}/{precision}.x": "a" * 64})
        for backend in ("onnxruntime", "openvino")
        for precision in ("fp32", "bf16")
        for tile in ((128, 128), (64, 64), (64, 128))
    ]
    whole = kit.manifest(made)
    entry = PackEntry(
        "moon", "somewhere", "CC0", "reference/moon.png", "reference/hr.png", {"64x64": "reference/s.npy"}
    )
    files = dict.fromkeys(("reference/moon.png", "reference/hr.png", "reference/s.npy"), "b" * 64)
    reference = replace(whole.reference, entries=(entry,), files={**whole.reference.files, **files})
    return replace(whole, reference=reference)


def write(folder: Path, value: object) -> Path:
    (folder / "manifest.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def test_what_was_written_is_read(tmp_path, manifest):
    assert read_manifest(write(tmp_path, manifest_json(manifest))) == manifest


def test_empty_facts_of_earlier_manifests_are_none(tmp_path, manifest):
    value = json.loads(manifest_json(manifest))
    for artifact in value["artifacts"]:
        artifact["certificate"], artifact["choice"] = {}, {}
    read = read_manifest(write(tmp_path, value))
    assert all(artifact.certificate is None and artifact.choice is None for artifact in read.artifacts)


def test_a_manifest_that_says_nothing_of_the_fill_is_of_the_first_one(tmp_path, manifest):
    value = json.loads(manifest_json(replace(manifest, reference=replace(manifest.reference, fill="symmetric"))))
    assert value["reference"]["fill"] == "symmetric"
    assert read_manifest(write(tmp_path, value)).reference.fill == "symmetric"
    del value["reference"]["fill"]
    assert read_manifest(write(tmp_path, value)).reference.fill == "reflect"
    value["reference"]["fill"] = "wrap"
    with pytest.raises(InputError, match="fill"):
        read_manifest(write(tmp_path, value))


def test_functions_of_a_package_are_told_apart(tmp_path, manifest, kit):
    made = [kit.artifact("coreml", "fp32", tile, "p", {"p/x": "a" * 64}) for tile in ((8, 8), (9, 9))]
    first, second = (replace(a, function=f"tile_{a.tile[0]}") for a in made)
    text = manifest_json(replace(manifest, artifacts=(first, second)))
    assert [a.function for a in read_manifest(write(tmp_path, text)).artifacts] == ["tile_8", "tile_9"]
    with pytest.raises(InputError, match=r"'coreml-fp32-8x8' and 'coreml-fp32-9x9' are the same function"):
        manifest_json(replace(manifest, artifacts=(first, replace(second, function="tile_8"))))


def test_a_manifest_without_functions_says_nothing_of_them(manifest):
    assert "function" not in manifest_json(manifest)


def test_ids_and_families(manifest):
    assert artifact_id("openvino", "int8", "u8", (96, 128)) == "openvino-int8-u8-96x128"
    assert artifact_id("openvino", "fp32", None, (96, 128)) == "openvino-fp32-96x128"
    assert manifest.artifacts[0].family == "onnxruntime-fp32"


def test_select(manifest):
    assert [a.id for a in select(manifest, "openvino-fp32-64x64")] == ["openvino-fp32-64x64"]
    assert [a.tile for a in select(manifest, "openvino-fp32")] == [(64, 64), (64, 128), (128, 128)]
    assert [a.tile for a in select(manifest, "openvino-b")] == [(64, 64), (64, 128), (128, 128)]
    assert [a.tile for a in select(manifest, "openvino-bf16-64")] == [(64, 64), (64, 128)]
    with pytest.raises(InputError, match=r"ambiguous.*openvino-bf16, openvino-fp32"):
        select(manifest, "openvino")
    with pytest.raises(InputError, match=r"known: .*did you mean openvino-fp32-64x64"):
        select(manifest, "opnvino-fp32-64x64")
    with pytest.raises(InputError, match="unknown artifact"):
        select(manifest, "")


def test_a_family_wins_over_longer_names(manifest, kit):
    mixed = replace(kit.artifact("openvino", "fp32", (8, 8), "a", {"a": "a" * 64}), precision="int8-mixed")
    plain = replace(mixed, precision="int8")
    both = [replace(a, id=artifact_id(a.backend, a.precision, None, a.tile)) for a in (mixed, plain)]
    assert [a.precision for a in select(kit.manifest(both), "openvino-int8")] == ["int8"]
    assert [a.precision for a in select(kit.manifest(both), "openvino-int8-m")] == ["int8-mixed"]


def set_in(value: dict, path: str, to: object) -> None:
    *parents, last = path.split("/")
    for key in parents:
        value = value[int(key) if key.isdigit() else key]
    if to is KeyError:
        del value[last]
    else:
        value[int(last) if last.isdigit() else last] = to


PORT = {"name": "lr", "layout": "NCHW", "dtype": "float32", "range": [0, 1], "shape": [1, 3, 9, 9]}


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        ("schema", 2, "update dlgsanet-edge"),
        ("schema", "1", "manifest.schema: expected a whole number"),
        ("schema", KeyError, "manifest.schema"),
        ("schema", True, "manifest.schema"),
        ("name", KeyError, "field 'name' is missing"),
        ("extra", 1, "unknown field 'extra'"),
        ("scale", 0, "manifest.scale: expected a whole number of at least 1, found 0"),
        ("scale", 2.0, "manifest.scale"),
        ("tools", ["numpy"], "manifest.tools: expected an object"),
        ("tools", {"numpy": 2}, "manifest.tools.numpy: expected a string, found 2"),
        ("artifacts", {}, "manifest.artifacts: expected a list"),
        ("artifacts/0", "x", r"manifest.artifacts\[0\]: expected an object"),
        ("artifacts/0/hints", KeyError, r"manifest.artifacts\[0\]: field 'hints' is missing"),
        ("artifacts/0/speed", 9000, "unknown field 'speed'"),
        ("artifacts/0/function", 1, "function: expected a non-empty string"),
        ("artifacts/0/function", "", "function: expected a non-empty string"),
        ("artifacts/0/function", "tile 8", "function: expected a function's name"),
        ("artifacts/0/function", "main\n", "function: expected a function's name"),
        ("artifacts/0/function", "tile", "expected functions in Core ML packages only, found 'tile'"),
        ("artifacts/0/id", "openvino-fp32-1x1", "should be called 'onnxruntime-fp32-128x128'"),
        ("artifacts/0/precision", "fp31", "expected one of fp32, fp16"),
        ("artifacts/0/tile", [128], "expected height and width"),
        ("artifacts/0/tile", [0, 128], "at least 1, found 0"),
        ("artifacts/0/tile", [-128, 128], "at least 1, found -128"),
        ("artifacts/0/files", {"onnxruntime/fp32.x": "A" * 64}, "64 lower-case hex digits"),
        ("artifacts/0/files", {"onnxruntime/fp32.x": None}, "expected a non-empty string"),
        ("artifacts/0/files", {"other": "a" * 64}, "is not among its files"),
        ("artifacts/0/files", {}, "is not among its files"),
        ("artifacts/0/calibration_sha256", "abc", "64 lower-case hex digits"),
        ("artifacts/0/input/range", [1, 0], "the smaller first"),
        ("artifacts/0/input/range", [0, 1, 2], "the smaller first"),
        ("artifacts/0/input/range", [0, 10**400], r"range\[1\]: expected a finite number"),
        ("artifacts/0/tile", [10**300, 128], r"tile\[0\]: expected a whole number of at most 64 bits"),
        ("artifacts/0/graph", {"macs": 10**300}, r"graph.macs: expected a whole number of at most 64 bits"),
        ("artifacts/0/graph", KeyError, "field 'graph' is missing"),
        ("created", "\ud800", "not valid JSON"),
        ("artifacts/0/input", PORT, r"has shape \[1, 3, 9, 9\], expected \[1, 3, 128, 128\]"),
        ("artifacts/0/output/shape", [1, 3, 128, 128], r"expected \[1, 3, 256, 256\]"),
        ("source/sha256", "", "expected a non-empty string"),
        ("reference/overlap", -1, "at least 0"),
        ("reference/entries/0/lr", "reference/other.png", "has no sha256"),
        ("reference/checkpoint", "reference/none", "has no sha256"),
    ],
)
def test_a_wrong_field_is_refused_and_named(tmp_path, manifest, path, to, message):
    value = json.loads(manifest_json(manifest))
    set_in(value, path, to)
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(write(tmp_path, value))
    assert caught.value.exit_code == ExitCode.USAGE


OUTSIDE = [
    "../x",
    "a/../../x",
    "/etc/passwd",
    "C:/x",
    "C:\\x",
    "a\\..\\x",
    "",
    ".",
    "a//b",
    "./a",
    "a/.",
    "a\nb",
    "a\x00b",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leaves_the_bundle_is_refused(tmp_path, manifest, path):
    value = json.loads(manifest_json(manifest))
    value["artifacts"][0]["path"] = path
    value["artifacts"][0]["files"] = {path: "a" * 64}
    with pytest.raises(InputError, match=r"inside the bundle|non-empty"):
        read_manifest(write(tmp_path, value))
    with pytest.raises(InputError, match="outside the bundle"):
        verify(tmp_path, {path: "a" * 64})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("\ud800", "not valid JSON"),
        ("[]", "expected an object"),
        ("[" * 100_000, "not valid JSON"),
        ('{"schema": NaN}', "NaN is not JSON"),
        ('{"schema": 1, "schema": 1}', "twice"),
    ],
)
def test_what_is_not_a_manifest_is_refused(tmp_path, text, message):
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path):
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=r"not a readable bundle.*dlgsanet export"):
            read_manifest(place)
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(InputError, match="not a readable bundle"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("path", ["artifacts/0/id", "artifacts/0/path", "artifacts/0/backend", "reference/checkpoint"])
def test_long_names_are_cut_in_messages(tmp_path, manifest, path):
    value = json.loads(manifest_json(manifest))
    set_in(value, path, "x" * 10_000)
    (tmp_path / "manifest.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match="manifest") as caught:
        read_manifest(tmp_path)
    assert len(str(caught.value)) < 500


def test_a_huge_manifest_is_not_read(tmp_path):
    with (tmp_path / "manifest.json").open("wb") as stream:
        stream.truncate(100 << 20)
    with pytest.raises(InputError, match="larger than 64 MiB"):
        read_manifest(tmp_path)


def test_the_writer_writes_nothing_that_the_reader_refuses(manifest):
    with pytest.raises(InputError, match="scale"):
        manifest_json(replace(manifest, scale=0))
    with pytest.raises(ValueError, match="nan"):
        damaged = Certificate("float64", 1e-10, float("nan"), {})
        manifest_json(replace(manifest, artifacts=(replace(manifest.artifacts[0], certificate=damaged),)))
    with pytest.raises(InputError, match="is there twice"):
        manifest_json(replace(manifest, artifacts=manifest.artifacts[:1] * 2))


def test_hashes(tmp_path, kit):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.bin").write_bytes(b"content")
    assert read_verified(tmp_path, "a/b.bin", kit.sha(b"content")) == b"content"
    verify(tmp_path, {"a/b.bin": kit.sha(b"content")})
    for check in (verify, lambda bundle, files: [read_verified(bundle, *item) for item in files.items()]):
        with pytest.raises(InputError, match=r"'a/b.bin' was changed.*export"):
            check(tmp_path, {"a/b.bin": kit.sha(b"Content")})
        with pytest.raises(InputError, match=r"cannot read 'a/c.bin': No such file"):
            check(tmp_path, {"a/c.bin": "0" * 64})
        with pytest.raises(InputError, match="cannot read 'a'"):
            check(tmp_path, {"a": "0" * 64})


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_a_link_out_of_the_bundle_is_refused(tmp_path, kit):
    (tmp_path / "secret").write_bytes(b"secret")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "x").symlink_to(tmp_path / "secret")
    for check in (verify, lambda folder, files: [read_verified(folder, *item) for item in files.items()]):
        with pytest.raises(InputError, match="outside the bundle"):
            check(bundle, {"x": kit.sha(b"secret")})
        (bundle / "loop").symlink_to("loop")
        with pytest.raises(InputError, match=r"outside the bundle|cannot read"):
            check(bundle, {"loop": kit.sha(b"secret")})
        (bundle / "loop").unlink()


@pytest.mark.parametrize("name", ["onnxruntime-fp32-16x16", "openvino-fp32-16x16"])
def test_a_changed_byte_or_a_missing_file_is_refused_before_loading(bundle: Path, name, monkeypatch):
    backend = name.partition("-")[0]
    pytest.importorskip(backend)
    for path in [p for a in select(read_manifest(bundle), name) for p in a.files]:
        file = bundle / path
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(InputError, match=f"'{path}' was changed"), open_runner(bundle, name):
            pass
        file.unlink()
        with pytest.raises(InputError, match=f"cannot read '{path}'"), open_runner(bundle, name):
            pass
        file.write_bytes(data)
    with open_runner(bundle, name):
        pass
