"""One package with a function for each tile: what each computes, how large it is, what it says, and planted faults."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.__main__ import main
from dlgsanet.checkpoints import save_checkpoint
from dlgsanet.errors import InputError
from dlgsanet.metrics import psnr_float
from dlgsanet.storage.typed_json import to_json
from export.backends.coreml import functions as functions_room
from export.backends.coreml.functions import merge_packages
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from runtimes import open_runner
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.coreml.reference import SPECIFICATION, MilRunner, read_package
from runtimes.backends.registry import judges
from runtimes.bundle.manifest import Artifact, manifest_json, read_manifest

pytest.importorskip("coremltools")
MODEL = pytest.importorskip("coremltools.proto.Model_pb2")

TILES = ((24, 20), (20, 32))
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


@dataclass(frozen=True)
class Made:
    """`bundle` has a package of each precision; `single` what they were merged from, one for each of `artifacts`."""

    bundle: Path
    single: Path
    artifacts: Sequence[Artifact]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Any]) -> Made:
    folder = tmp_path_factory.mktemp("functions")
    save_checkpoint(folder / "small.safetensors", make_model(24), {"licence": "CC0"})
    before: list[Artifact] = []

    def merge(bundle: Path, artifacts: Sequence[Artifact], say: Callable[[str], None]) -> tuple[Artifact, ...]:
        shutil.copytree(bundle, folder / "single")
        before.extend(artifacts)
        return merge_packages(bundle, artifacts, say)

    options = ExportOptions(("coreml-fp16", "coreml-int8w"), TILES, deployment="iOS18", shapes="functions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functions_room, "merge_packages", merge)
        export_bundle(folder / "small.safetensors", folder / "bundle", options)
    return Made(folder / "bundle", folder / "single", before)


@pytest.fixture
def bundle(made: Made, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made.bundle, tmp_path / "bundle"))


def picture(tile: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(2).random((1, 3, *tile), dtype=np.float32)


def halves(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Those in fp16, in the order of TILES."""
    return [artifact for artifact in artifacts if artifact.precision == "fp16"]


def outputs(bundle: Path) -> list[np.ndarray]:
    """Of each function in fp16, in the order of TILES."""
    found = []
    for artifact in halves(read_manifest(bundle).artifacts):
        with open_runner(bundle, artifact.id, device=REFERENCE) as run:
            found.append(run.infer(picture(artifact.tile)))
    return found


def changed(bundle: Path, name: str, data: bytes) -> None:
    """Exchange a file of the package and its hashes: only what it holds can tell."""
    manifest = read_manifest(bundle)
    path = f"{manifest.artifacts[0].path}/{name}"
    (bundle / path).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    artifacts = tuple(replace(a, files={**a.files, path: digest}) if path in a.files else a for a in manifest.artifacts)
    (bundle / "manifest.json").write_text(manifest_json(replace(manifest, artifacts=artifacts)))


def specification(bundle: Path) -> Any:
    spec = MODEL.Model()
    spec.ParseFromString((bundle / read_manifest(bundle).artifacts[0].path / SPECIFICATION).read_bytes())
    return spec


def test_each_function_computes_what_its_package_did_bit_for_bit(made) -> None:
    merged = read_manifest(made.bundle).artifacts
    assert [a.id for a in merged] == [a.id for a in made.artifacts] and len(merged) == 4
    for artifact, function in zip(made.artifacts, merged, strict=True):
        assert artifact.function is None and artifact.path != function.path
        with MilRunner(made.single, artifact, 4) as one, MilRunner(made.bundle, function, 4) as run:
            assert run.info.reported_precision == artifact.precision
            found = run.infer(picture(artifact.tile))
            assert np.array_equal(one.infer(picture(artifact.tile)), found) and found.std() > 0.01


def test_weights_of_8_bits_are_near_those_in_fp16(made) -> None:
    """The operators of iOS 18: a wrong scale or block would be far off."""
    weights = [artifact for artifact in read_manifest(made.bundle).artifacts if artifact.precision == "int8w"]
    for artifact, half in zip(weights, outputs(made.bundle), strict=True):
        kinds = {operation.kind for operation in read_package(made.bundle, artifact)[0].operations}
        assert "constexpr_blockwise_shift_scale" in kinds and "constexpr_affine_dequantize" not in kinds
        with MilRunner(made.bundle, artifact, 4) as run:
            assert psnr_float(run.infer(picture(artifact.tile)), half) > 35


def test_the_weights_are_stored_once(made) -> None:
    packages = sorted(item.name for item in (made.bundle / "coreml").iterdir())
    assert packages == ["coreml-fp16.mlpackage", "coreml-int8w.mlpackage"]
    for precision in ("fp16", "int8w"):
        first, second = (a for a in read_manifest(made.bundle).artifacts if a.precision == precision)
        assert first.path == second.path == f"coreml/coreml-{precision}.mlpackage" and first.files == second.files
        assert [first.function, second.function] == ["tile_24x20", "tile_20x32"]
        before = [a for a in made.artifacts if a.precision == precision]
        one = (made.single / before[0].path / WEIGHTS).stat().st_size
        assert (made.bundle / first.path / WEIGHTS).stat().st_size <= 1.01 * one
        programs = sum((made.single / a.path / SPECIFICATION).stat().st_size for a in before)
        assert (made.bundle / first.path / SPECIFICATION).stat().st_size <= 1.05 * programs


def test_the_package_says_what_it_is(made) -> None:
    manifest = read_manifest(made.bundle)
    spec = specification(made.bundle)
    assert spec.specificationVersion == 9 and spec.description.defaultFunctionName == "tile_24x20"
    for artifact in halves(manifest.artifacts):
        model, _ = read_package(made.bundle, artifact)
        said = model.metadata
        assert said["author"] == "DLGSANet Edge" and said["license"] == "CC0" and said["precision"] == "fp16"
        assert "tile_24x20: " in said["shortDescription"] and "tile of 20x32 pixels" in said["shortDescription"]
        own = json.loads(said["functions"])[artifact.function]
        assert own["id"] == artifact.id and json.loads(own["tile"]) == list(artifact.tile)
        assert json.loads(own["certificate"]) == to_json(artifact.certificate)
        height, width = artifact.tile
        assert f"{height}x{width} (height x width)" in model.inputs[0].description
        assert model.inputs[0].shape == (1, 3, height, width)


def test_the_bundle_counts_the_package_once(made, capsys) -> None:
    card = (made.bundle / "README.md").read_text()
    assert "`coreml-fp16-20x32`, function `tile_20x32` of `coreml/coreml-fp16.mlpackage`" in card
    assert main(["card", str(made.bundle), "--artifact", "coreml-fp16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    package = made.bundle / "coreml" / "coreml-fp16.mlpackage"
    size = sum(item.stat().st_size for item in package.rglob("*") if item.is_file())
    assert {name: package["shared_with"] for name, package in found.items()} == {
        "coreml-fp16-24x20": ["coreml-fp16-20x32"],
        "coreml-fp16-20x32": ["coreml-fp16-24x20"],
    }
    assert all(package["package_bytes"] == size for package in found.values())
    assert main(["card", str(made.bundle), "--artifact", "coreml-fp16-20x32"]) == 0
    assert "MB, one package with coreml-fp16-24x20" in capsys.readouterr().out


def test_the_family_has_every_tile(made) -> None:
    with open_runner(made.bundle, "coreml-fp16", device=REFERENCE) as run:
        assert run.tiles == TILES
        for tile, found in zip(TILES, outputs(made.bundle), strict=True):
            assert np.array_equal(run.infer(picture(tile)), found)


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself would run")
def test_check_names_the_function_that_it_judged(made) -> None:
    for artifact in read_manifest(made.bundle).artifacts:
        (judge,) = judges(artifact, "CPU")
        assert f"an interpreter of the saved package (its function {artifact.function})" in judge.note
    assert "function" not in judges(made.artifacts[0], "CPU")[0].note


def test_one_flipped_weight_byte_is_one_line_for_every_function(bundle) -> None:
    manifest = read_manifest(bundle)
    path = bundle / manifest.artifacts[0].path / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    for artifact in halves(manifest.artifacts):
        with pytest.raises(InputError, match=r"weight\.bin' was changed after it was written"):
            open_runner(bundle, artifact.id, device=REFERENCE).__enter__()


def test_the_functions_read_the_same_weights(bundle, made) -> None:
    """A weight that is changed behind the hashes' back changes what both compute."""
    data = bytearray((bundle / read_manifest(bundle).artifacts[0].path / WEIGHTS).read_bytes())
    weights = np.frombuffer(data, "<f2", offset=128, count=64)  # of the first blob, behind header and description
    weights[:] = -weights
    changed(bundle, WEIGHTS, bytes(data))
    for before, after in zip(outputs(made.bundle), outputs(bundle), strict=True):
        assert not np.array_equal(before, after)


def renamed(spec: Any) -> None:
    functions = spec.mlProgram.functions
    functions["tile_1x1"].CopyFrom(functions["tile_20x32"])
    del functions["tile_20x32"]


def undescribed(spec: Any) -> None:
    spec.description.functions[1].name = "tile_1x1"


def exchanged(spec: Any) -> None:
    """Each function under the name of the other."""
    for described, name in zip(spec.description.functions, ("tile_20x32", "tile_24x20"), strict=True):
        described.name = name


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (renamed, "expected a function called tile_20x32 in the package, found tile_1x1, tile_24x20"),
        (undescribed, "expected a function called tile_20x32 in the package, found tile_24x20, tile_1x1"),
        (exchanged, r"expected 'lr' of shape \[1, 3, 20, 32\], the file has lr \[1, 3, 24, 20\]"),
    ],
)
def test_a_function_that_is_not_there_is_one_line(bundle, edit: Callable[[Any], None], message: str) -> None:
    spec = specification(bundle)
    edit(spec)
    changed(bundle, SPECIFICATION, spec.SerializeToString(deterministic=True))
    with pytest.raises(InputError, match=message) as caught:
        open_runner(bundle, "coreml-fp16-20x32", device=REFERENCE).__enter__()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--to", "coreml-fp16", "--tile", "24", "--tile", "32"],
            "came with iOS18 and macOS15, found --deployment iOS17",
        ),
        (["--to", "coreml-fp16", "--tile", "24", "--deployment", "iOS18"], "found one tile: give --tile again"),
        (["--to", "onnxruntime", "--tile", "24", "--tile", "32"], "found no such target: add --to coreml-fp16"),
    ],
)
def test_functions_that_cannot_be_are_refused_in_one_line(words, message, tmp_path, capsys) -> None:
    assert main(["export", "nano-x4", "-o", str(tmp_path / "b"), "--shapes", "functions", *words]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_same_packages_give_the_same_bytes(made, tmp_path) -> None:
    folder = Path(shutil.copytree(made.single, tmp_path / "again"))
    merged = merge_packages(folder, made.artifacts, lambda step: None)
    assert [a.files for a in merged] == [a.files for a in read_manifest(made.bundle).artifacts]
