"""Photographs as memory-mapped pixels, and random aligned LR/HR patches cut from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.imaging.atomic import new_directory
from dlgsanet.imaging.errors import InputError
from dlgsanet.imaging.files import list_images, read_rgb8
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8

_FORMAT = 1  # of the cache; raise it when what is stored changes
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class StoredImage:
    """Where one image's pixels lie: byte offsets into the two files, and the LR size."""

    name: str
    height: int
    width: int
    lr_offset: int
    hr_offset: int


@dataclass(frozen=True)
class PatchStore:
    """LR and HR pixels of a folder, mapped from disk; `skipped` names what could not be used, and why."""

    scale: int
    images: tuple[StoredImage, ...]
    skipped: tuple[str, ...]
    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8]

    def views(self, image: StoredImage) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """(h, w, 3) LR and (s*h, s*w, 3) HR pixels of one image, not copied."""
        h, w, s = image.height, image.width, self.scale
        lr = self.lr[image.lr_offset : image.lr_offset + h * w * 3].reshape(h, w, 3)
        size = h * w * s * s * 3
        hr = self.hr[image.hr_offset : image.hr_offset + size].reshape(h * s, w * s, 3)
        return lr, hr


def open_store(folder: str | Path, scale: int, cache: Path, progress: Progress | None = None) -> PatchStore:
    """Map the photographs of `folder`, preparing them under `cache` on first use.

    LR pixels are made from the whole HR image by the exact bicubic, as in the benchmarks. Corrupt images are
    skipped and named. Raises InputError when the folder is missing or holds no usable image.
    """
    paths = list_images(folder)
    stamps = [f"{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in paths]
    key = hashlib.sha256("\n".join([f"{_FORMAT} x{scale}", *stamps]).encode()).hexdigest()[:16]
    target = cache / f"{Path(folder).name}-x{scale}-{key}"
    if not target.is_dir():
        with new_directory(target) as temporary:
            _prepare(paths, scale, temporary, progress)
    index = json.loads((target / "index.json").read_text(encoding="utf-8"))
    return PatchStore(
        scale,
        tuple(StoredImage(*row) for row in index["images"]),
        tuple(index["skipped"]),
        np.memmap(target / "lr.u8", np.uint8, "r"),
        np.memmap(target / "hr.u8", np.uint8, "r"),
    )


def _prepare(paths: Sequence[Path], scale: int, target: Path, progress: Progress | None) -> None:
    images: list[StoredImage] = []
    skipped: list[str] = []
    lr_offset = hr_offset = 0
    with (target / "lr.u8").open("wb") as lr_file, (target / "hr.u8").open("wb") as hr_file:
        for done, path in enumerate(paths, 1):
            try:
                hr = np.ascontiguousarray(crop_to_multiple(read_rgb8(path), scale))
                lr = downscale_matlab8(hr, scale)
            except InputError as error:
                skipped.append(f"{path.name}: {error}")
                continue
            lr_file.write(lr.tobytes())
            hr_file.write(hr.tobytes())
            images.append(StoredImage(path.name, lr.shape[0], lr.shape[1], lr_offset, hr_offset))
            lr_offset += lr.size
            hr_offset += hr.size
            if progress:
                progress(done, len(paths))
    if not images:
        raise InputError(f"expected usable images in {paths[0].parent}, found none ({skipped[0]}): check the folder")
    rows = [[i.name, i.height, i.width, i.lr_offset, i.hr_offset] for i in images]
    (target / "index.json").write_text(json.dumps({"images": rows, "skipped": skipped}), encoding="utf-8")


@dataclass(frozen=True)
class PatchSampler:
    """Draws batches: image by area, position uniform (or the most detailed of several), one of 8 orientations."""

    store: PatchStore
    patch: int
    candidates: int = 1

    def __post_init__(self) -> None:
        if not any(self._fits(image) for image in self.store.images):
            raise InputError(f"expected images of at least {self.patch * self.store.scale} pixels a side, found none")

    def _fits(self, image: StoredImage) -> bool:
        return min(image.height, image.width) >= self.patch

    def batch(self, size: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(size, 3, p, p) LR and (size, 3, s*p, s*p) HR, float32 in [0, 1]."""
        usable = [image for image in self.store.images if self._fits(image)]
        areas = np.array([image.height * image.width for image in usable], np.float64)
        chosen = rng.choice(len(usable), size=size, p=areas / areas.sum())
        pairs = [self._patch(usable[index], rng) for index in chosen]
        lr = np.stack([pair[0] for pair in pairs]).transpose(0, 3, 1, 2)
        hr = np.stack([pair[1] for pair in pairs]).transpose(0, 3, 1, 2)
        return lr.astype(np.float32) / np.float32(255), hr.astype(np.float32) / np.float32(255)

    def _patch(self, image: StoredImage, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        p, s = self.patch, self.store.scale
        lr, hr = self.store.views(image)
        tops = rng.integers(0, image.height - p + 1, self.candidates)
        lefts = rng.integers(0, image.width - p + 1, self.candidates)
        cuts = [lr[top : top + p, left : left + p] for top, left in zip(tops, lefts, strict=True)]
        best = max(range(self.candidates), key=lambda i: detail(cuts[i])) if self.candidates > 1 else 0
        top, left = int(tops[best]), int(lefts[best])
        cut = hr[top * s : (top + p) * s, left * s : (left + p) * s]
        orientation = int(rng.integers(0, 8))
        return oriented(cuts[best], orientation), oriented(cut, orientation)


def detail(pixels: NDArray[np.uint8]) -> float:
    """Mean absolute difference of green neighbours, 0..255: how much there is to learn in a patch."""
    green = pixels[..., 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())


def oriented(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """One of the 8 flips and 90-degree rotations of a square patch (0 leaves it as it is)."""
    turned = np.rot90(pixels, orientation % 4)
    return turned[:, ::-1] if orientation >= 4 else turned
