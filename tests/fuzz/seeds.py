"""Small whole inputs of every kind, made here or kept in the checkout, from which mutations start."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
Seed = tuple[str, bytes]


def images() -> Iterator[Seed]:
    values = np.random.default_rng(0).integers(0, 256, (13, 17, 3), np.uint8)
    rgb = Image.fromarray(values)
    for mode in ("RGB", "L", "P", "1", "RGBA", "LA"):
        yield ".png", _saved(rgb.convert(mode), "PNG")
    yield ".png", _saved(Image.fromarray(values[..., 0].astype(np.uint16) * 257), "PNG")
    for quality, progressive in ((90, False), (40, True)):
        yield ".jpg", _saved(rgb, "JPEG", quality=quality, progressive=progressive)
    yield ".jpg", _saved(rgb.convert("CMYK"), "JPEG")
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield ".tif", _saved(rgb, "TIFF", compression=packing)
    for packing in ("group3", "group4", "tiff_ccitt"):
        yield ".tif", _saved(rgb.convert("1"), "TIFF", compression=packing)
    yield ".tif", _saved(Image.fromarray(values[..., 0].astype(np.float32) / 255), "TIFF")
    yield ".tif", _saved(Image.fromarray(values[..., 0].astype(np.uint16) * 257), "TIFF")
    for suffix, kind in ((".bmp", "BMP"), (".gif", "GIF"), (".ppm", "PPM"), (".webp", "WEBP")):
        yield suffix, _saved(rgb, kind)
    yield ".webp", _saved(rgb, "WEBP", lossless=True)
    yield ".bmp", _saved(rgb.convert("P"), "BMP")
    yield ".pgm", _saved(rgb.convert("L"), "PPM")
    yield from _deep_tiffs(values)
    yield from _with_plug_ins(rgb)


def _deep_tiffs(values: NDArray[np.uint8]) -> Iterator[Seed]:
    """Of 16 bits, which Pillow does not write: by our own writer, with and without transparency."""
    from dlgsanet.imaging.files import write_picture

    with tempfile.TemporaryDirectory() as folder:
        for alpha in (None, values[..., 0].astype(np.float32) / 255):
            write_picture(place := Path(folder, "deep.tif"), values / 255, alpha, bits=16)
            yield ".tif", place.read_bytes()


def _with_plug_ins(rgb: Image.Image) -> Iterator[Seed]:
    """AVIF and HEIC, where this Pillow and pillow-heif are."""
    from dlgsanet.imaging.formats import heif

    if heif.is_read(heif.AVIF):
        yield ".avif", _saved(rgb, "AVIF")
        clear = rgb.copy()
        clear.putalpha(rgb.getchannel("R"))
        yield ".avif", _saved(clear, "AVIF", quality=100)
    if heif.is_read(heif.HEIC):
        import pillow_heif

        for bits, mode in ((8, "RGB"), (10, "RGB;16")):
            samples = np.asarray(rgb, np.uint8 if bits == 8 else np.uint16) * (1 if bits == 8 else 257)
            made = pillow_heif.from_bytes(mode=mode, size=rgb.size, data=samples.tobytes())
            out = io.BytesIO()
            made.save(out)
            yield ".heic", out.getvalue()


def checkpoints() -> Iterator[Seed]:
    import torch
    from safetensors.torch import save

    from dlgsanet.network.config import ModelConfig
    from dlgsanet.network.model import DLGSANet

    torch.manual_seed(0)
    state = {key: value.contiguous() for key, value in DLGSANet(ModelConfig(12, 1, 1, 2)).state_dict().items()}
    yield ".safetensors", save(state, {"activation": "relu"})
    for content in (state, {"params_ema": state, "iter": 3}, {"state_dict": {f"net.{k}": v for k, v in state.items()}}):
        for is_zip in (True, False):
            out = io.BytesIO()
            torch.save(content, out, _use_new_zipfile_serialization=is_zip)
            yield ".pth", out.getvalue()


def manifests() -> Iterator[Seed]:
    from runtimes.bundle.artifact_facts import Certificate
    from runtimes.bundle.manifest import (
        Artifact,
        Manifest,
        PackEntry,
        Port,
        Reference,
        Source,
        artifact_id,
        manifest_json,
    )

    made = []
    for backend, precision in (("onnxruntime", "fp32"), ("openvino", "bf16"), ("coreml", "fp16")):
        ports = [Port(n, "NCHW", "float32", (0.0, 1.0), (1, 3, s, s)) for n, s in (("lr", 8), ("sr", 32))]
        name = f"{backend}/a.x"
        made.append(
            Artifact(
                id=artifact_id(backend, precision, None, (8, 8)), backend=backend, precision=precision, variant=None,
                tile=(8, 8), path=name, files={name: "a" * 64}, input=ports[0], output=ports[1], lowering="none",
                rewrites=(), hints={"X": "y"}, calibration_sha256=None,
                certificate=Certificate("float64", 1e-10, 0.0, {}),
            )
        )  # fmt: skip
    files = dict.fromkeys(
        ("reference/m.safetensors", "reference/a.png", "reference/b.png", "reference/s.npy"), "b" * 64
    )
    entry = PackEntry("moon", "x", "CC0", "reference/a.png", "reference/b.png", {"8x8": "reference/s.npy"})
    yield ".json", manifest_json(
        Manifest(
            schema=1, name="m", scale=4, source=Source("m", "0" * 64, {"channels": 3}, {"licence": "none"}),
            tools={"numpy": "2"}, artifacts=tuple(made),
            reference=Reference("reference/m.safetensors", 4, (entry,), files),
            created="2026-01-01T00:00:00+00:00",
        )
    ).encode()  # fmt: skip


def results() -> Iterator[Seed]:
    for name in ("nano-x2-check-Set5.json", "nano-x4-bench-128.json"):
        yield ".json", (ROOT / "benchmarks" / "results" / name).read_bytes()


def toml() -> Iterator[Seed]:
    for name in ("configs/nano-x4.toml", "configs/div2k/tiny-x2.toml"):
        yield ".toml", (ROOT / name).read_bytes()
    yield ".toml", b'[int8]\npatch = 20\nmean = 50.0\n[check]\ndata = ["a", "b"]\nlimits = "x"\nseed = 3\n'


def onnx() -> Iterator[Seed]:
    for name in ("tiny.onnx", "product.onnx"):
        yield ".onnx", (ROOT / "runtimes" / "probe_network" / name).read_bytes()


def bundle() -> Path:
    """A bundle of the smallest shipped network, exported once into build/."""
    folder = ROOT / "build" / "fuzz-bundle"
    if not (folder / "manifest.json").is_file():
        what = [f"{name}-fp32" for name in ("onnxruntime", "openvino", "coreml")]
        command = [sys.executable, "-m", "dlgsanet", "export", "nano-x4", "--tile", "24", "--to", ",".join(what)]
        subprocess.run([*command, "--force", "-o", str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


def irs() -> Iterator[Seed]:
    yield ".xml", next(bundle().rglob("*.xml")).read_bytes()


def packages() -> Iterator[Seed]:
    for path in sorted((bundle() / "coreml").rglob("*")):
        if path.suffix in (".mlmodel", ".json"):
            yield path.suffix, path.read_bytes()


SEEDS = {
    "images": images,
    "checkpoints": checkpoints,
    "manifests": manifests,
    "results": results,
    "toml": toml,
    "onnx": onnx,
    "irs": irs,
    "packages": packages,
}


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
