"""Bundles without a network inside: a true manifest and parity pack, artifacts that only fake runners open."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from dlgsanet.imaging.pixels import to_nchw
from runtimes.bundle.manifest import (
    MANIFEST,
    Artifact,
    Manifest,
    PackEntry,
    Port,
    Reference,
    Source,
    artifact_id,
    manifest_json,
)
from runtimes.runner.tiling import upscale_tiled

SCALE = 2
TILE = (8, 8)
OVERLAP = 4


def make_bundle(folder: Path, variants: tuple[str | None, ...] = (None,), checkpoint: bytes = b"no weights") -> Path:
    """Write a bundle of fp32 artifacts, one for each variant; its stored reference repeats every pixel."""
    (folder / "reference").mkdir(parents=True)
    files: dict[str, str] = {}

    def add(path: str) -> str:
        files[path] = hashlib.sha256((folder / path).read_bytes()).hexdigest()
        return path

    (folder / "reference" / "checkpoint.safetensors").write_bytes(checkpoint)
    entries = []
    for seed, name in enumerate(("a", "b")):
        lr = np.random.default_rng(seed).integers(30, 220, (13, 16, 3)).astype(np.uint8)
        Image.fromarray(lr).save(folder / "reference" / f"{name}_lr.png")
        Image.fromarray(lr.repeat(SCALE, 0).repeat(SCALE, 1)).save(folder / "reference" / f"{name}_hr.png")
        sr = upscale_tiled(lambda x: x.repeat(SCALE, 2).repeat(SCALE, 3), to_nchw(lr), SCALE, TILE, OVERLAP)
        np.save(folder / "reference" / f"{name}.npy", np.clip(sr + 0.01, 0, 1).astype(np.float32) - 0.01)
        entries.append(
            PackEntry(
                name=name,
                source="noise",
                licence="CC0",
                lr=add(f"reference/{name}_lr.png"),
                hr=add(f"reference/{name}_hr.png"),
                sr={"8x8": add(f"reference/{name}.npy")},
            )
        )
    manifest = Manifest(
        schema=1,
        name="tiny",
        scale=SCALE,
        source=Source("tiny-x2", "e" * 64, {}, {}),
        tools={},
        artifacts=tuple(_artifact(variant) for variant in variants),
        reference=Reference(add("reference/checkpoint.safetensors"), OVERLAP, tuple(entries), files),
        created="2026-01-01T00:00:00Z",
    )
    (folder / MANIFEST).write_text(manifest_json(manifest))
    return folder


def _artifact(variant: str | None) -> Artifact:
    height, width = TILE
    return Artifact(
        id=artifact_id("fake", "fp32", variant, TILE),
        backend="fake",
        precision="fp32",
        variant=variant,
        tile=TILE,
        path="fake/model",
        files={"fake/model": "f" * 64},
        input=Port("lr", "NCHW", "float32", (0.0, 1.0), (1, 3, height, width)),
        output=Port("sr", "NCHW", "float32", (0.0, 1.0), (1, 3, height * SCALE, width * SCALE)),
        lowering="none",
        rewrites=(),
        hints={},
        calibration_sha256=None,
        certificate=None,
    )
