"""A tiny bundle: one 3x3 convolution and a depth-to-space (x2), as ONNX and OpenVINO IR, in two tiles."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.imaging.files import write_picture
from runtimes.bundle.artifact_facts import Certificate
from runtimes.bundle.manifest import (
    SCHEMA,
    Artifact,
    Manifest,
    Port,
    Reference,
    Source,
    artifact_id,
    manifest_json,
)
from runtimes.file_formats import protobuf as wire

SCALE = 2
TILE = (16, 16)
WIDE = (16, 24)
RNG = np.random.default_rng(7)
WEIGHT = (RNG.standard_normal((3 * SCALE * SCALE, 3, 3, 3)) * 0.15).astype(np.float32)
BIAS = np.full(3 * SCALE * SCALE, 0.3, np.float32)


def tiny_numpy(lr: np.ndarray) -> np.ndarray:
    """What the tiny network computes, in NumPy; any size."""
    _, _, height, width = lr.shape
    padded = np.pad(lr[0].astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    maps = np.zeros((len(BIAS), height, width)) + BIAS[:, None, None]
    for dy in range(3):
        for dx in range(3):
            maps += np.einsum("oc,chw->ohw", WEIGHT[:, :, dy, dx], padded[:, dy : dy + height, dx : dx + width])
    shuffled = maps.reshape(3, SCALE, SCALE, height, width).transpose(0, 3, 1, 4, 2)
    return shuffled.reshape(1, 3, height * SCALE, width * SCALE).astype(np.float32)


def onnx_bytes(tile: tuple[int, int] = TILE, external: str | None = None, domain: str | None = None) -> bytes:
    """The tiny network as ONNX; `external` moves the weights out to that location, `domain` adds a custom
    op."""
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(WEIGHT, "weight")
    if external is not None:
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=external)
    nodes = [
        onnx.helper.make_node("Conv", ["lr", "weight", "bias"], ["maps"], name="maps", pads=[1, 1, 1, 1]),
        onnx.helper.make_node("DepthToSpace", ["maps"], ["sr"], name="sr", blocksize=SCALE, mode="CRD"),
    ]
    opsets = [onnx.helper.make_opsetid("", 17)]
    if domain is not None:
        nodes[1].domain = domain
        opsets.append(onnx.helper.make_opsetid(domain, 1))
    ports = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, tile[0] * by, tile[1] * by])
        for name, by in (("lr", 1), ("sr", SCALE))
    ]
    weights = [weight, onnx.numpy_helper.from_array(BIAS, "bias")]
    graph = onnx.helper.make_graph(nodes, "tiny", ports[:1], ports[1:], weights)
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def port(name: str, tile: tuple[int, int], by: int = 1) -> Port:
    return Port(name, "NCHW", "float32", (0.0, 1.0), (1, 3, tile[0] * by, tile[1] * by))


def make_artifact(backend: str, precision: str, tile: tuple[int, int], path: str, files: dict[str, str]) -> Artifact:
    hint = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}[precision]
    return Artifact(
        id=artifact_id(backend, precision, None, tile),
        backend=backend,
        precision=precision,
        variant=None,
        tile=tile,
        path=path,
        files=files,
        input=port("lr", tile),
        output=port("sr", tile, SCALE),
        lowering="none",
        rewrites=(),
        hints={"INFERENCE_PRECISION_HINT": hint} if backend == "openvino" else {},
        calibration_sha256=None,
        certificate=Certificate("float64", 1e-10, 0.0, {}),
    )


def make_manifest(artifacts: list[Artifact]) -> Manifest:
    files = {"reference/model.safetensors": sha(b"weights")}
    return Manifest(
        schema=SCHEMA,
        name="tiny",
        scale=SCALE,
        source=Source("tiny", "0" * 64, {"channels": 3}, {"licence": "none"}),
        tools={"numpy": np.__version__},
        artifacts=tuple(artifacts),
        reference=Reference("reference/model.safetensors", 4, (), files),
        created="2026-01-01T00:00:00+00:00",
    )


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    (bundle / "manifest.json").write_text(manifest_json(manifest))


def rewrite_artifact(bundle: Path, index: int, **changes: Any) -> None:
    """Change fields of one artifact of a bundle's manifest."""
    from runtimes.bundle.manifest import read_manifest

    manifest = read_manifest(bundle)
    artifacts = list(manifest.artifacts)
    artifacts[index] = replace(artifacts[index], **changes)
    write_manifest(bundle, replace(manifest, artifacts=tuple(artifacts)))


def _ir(data: bytes, folder: Path, name: str) -> dict[str, str]:
    """Convert ONNX to OpenVINO IR; return bundle-relative path -> sha256."""
    openvino = pytest.importorskip("openvino")
    network = openvino.Core().read_model(data)
    openvino.save_model(network, folder / f"{name}.xml", compress_to_fp16=False)
    return {f"openvino/{name}{s}": sha((folder / f"{name}{s}").read_bytes()) for s in (".xml", ".bin")}


@dataclass(frozen=True)
class Kit:
    """What tests of this room use from here: test files cannot import each other."""

    scale: int = SCALE
    tile: tuple[int, int] = TILE
    wide: tuple[int, int] = WIDE
    weight: np.ndarray = field(default_factory=lambda: WEIGHT)
    numpy = staticmethod(tiny_numpy)
    onnx_bytes = staticmethod(onnx_bytes)
    sha = staticmethod(sha)
    artifact = staticmethod(make_artifact)
    manifest = staticmethod(make_manifest)
    write = staticmethod(write_manifest)
    rewrite = staticmethod(rewrite_artifact)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of noise, 26 x 20 pixels."""
    write_picture(tmp_path / "photo.png", np.random.default_rng(0).random((20, 26, 3)))
    return tmp_path / "photo.png"


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()


@pytest.fixture(scope="session")
def _built_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("tiny") / "bundle"
    for folder in ("onnx", "openvino", "reference"):
        (bundle / folder).mkdir(parents=True)
    (bundle / "reference" / "model.safetensors").write_bytes(b"weights")
    artifacts = []
    for tile in (TILE, WIDE):
        name = f"fp32-{tile[0]}x{tile[1]}"
        data = onnx_bytes(tile)
        (bundle / "onnx" / f"{name}.onnx").write_bytes(data)
        files = {f"onnx/{name}.onnx": sha(data)}
        artifacts.append(make_artifact("onnxruntime", "fp32", tile, f"onnx/{name}.onnx", files))
        files = _ir(data, bundle / "openvino", name)
        artifacts.append(make_artifact("openvino", "fp32", tile, f"openvino/{name}.xml", files))
        if tile == TILE:
            for precision in ("bf16", "fp16"):
                artifacts.append(make_artifact("openvino", precision, tile, f"openvino/{name}.xml", files))
    write_manifest(bundle, make_manifest(artifacts))
    return bundle


@pytest.fixture
def bundle(_built_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may damage."""
    return Path(shutil.copytree(_built_bundle, tmp_path / "bundle"))


@pytest.fixture
def picture() -> np.ndarray:
    """1 x 3 x 37 x 50 float32 in [0, 1]: larger than the tiles, and no multiple of them."""
    return np.random.default_rng(3).random((1, 3, 37, 50), dtype=np.float32)


@pytest.fixture(scope="session")
def _built_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the tiny network as two Core ML packages, fp32 and fp16."""
    pytest.importorskip("google.protobuf")
    if importlib.util.find_spec("coremltools") is None:
        pytest.skip("coremltools is not installed")
    bundle = tmp_path_factory.mktemp("coreml") / "bundle"
    for folder in ("coreml", "reference"):
        (bundle / folder).mkdir(parents=True)
    (bundle / "reference" / "model.safetensors").write_bytes(b"weights")
    np.savez(bundle.parent / "weights.npz", weight=WEIGHT, bias=BIAS)
    artifacts = []
    for precision in ("fp32", "fp16"):
        path = f"coreml/{precision}.mlpackage"
        script = Path(__file__).parent / "backends" / "coreml" / "coreml_kit.py"
        places = (bundle / path, bundle.parent / "weights.npz", *TILE, precision)
        subprocess.run([sys.executable, str(script), *map(str, places)], check=True, capture_output=True)
        files = {str(f.relative_to(bundle)): sha(f.read_bytes()) for f in (bundle / path).rglob("*") if f.is_file()}
        artifacts.append(make_artifact("coreml", precision, TILE, path, files))
    write_manifest(bundle, make_manifest(artifacts))
    return bundle


def _field(number: int, data: bytes) -> bytes:
    """A field of bytes as protocol buffers write it."""

    def varint(value: int) -> bytes:
        head = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
        return head + (varint(value >> 7) if value > 0x7F else b"")

    return varint(number << 3 | 2) + varint(len(data)) + data


def as_function(model: bytes) -> bytes:
    """A package's specification with its program as the function `tile`, the way iOS 18 knows several."""
    root = wire.message(memoryview(model), "a model")
    single = wire.message(memoryview(bytes(root[2][-1])), "a description")
    ports = _field(2, bytes(single[1][-1])) + _field(3, bytes(single[10][-1]))
    program = bytes(root[502][-1]).replace(b"\x0a\x04main", b"\x0a\x04tile")
    described = _field(20, _field(1, b"tile") + ports) + _field(21, b"tile")
    return b"\x08\x09" + _field(2, described) + _field(502, program)


@pytest.fixture
def functions(packages: Path) -> Path:
    """The Core ML bundle, its fp32 package one of functions: `tile`, which the manifest names."""
    from runtimes.bundle.manifest import read_manifest

    artifact = read_manifest(packages).artifacts[0]
    path = next(path for path in artifact.files if path.endswith("model.mlmodel"))
    data = as_function((packages / path).read_bytes())
    (packages / path).write_bytes(data)
    rewrite_artifact(packages, 0, function="tile", files={**artifact.files, path: sha(data)})
    return packages


@pytest.fixture
def packages(_built_packages: Path, tmp_path: Path) -> Path:
    """A copy of the Core ML bundle that a test may damage."""
    return Path(shutil.copytree(_built_packages, tmp_path / "packages"))
