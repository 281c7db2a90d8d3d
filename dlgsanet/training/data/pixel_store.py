"""Training images as memory-mapped pixels: decoded once, then cut from without reading more than the cut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import passed_over
from dlgsanet.imaging.limits import key_text
from dlgsanet.storage.atomic import new_directory
from dlgsanet.storage.json_text import read
from dlgsanet.storage.typed_json import Count, Whole, decode
from dlgsanet.training.data.sources import Pair, find_pairs, read_pair

_INDEX = "index.json"
_MOST_BYTES = 1 << 30
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
class _Index:
    """What a store holds: a row of a StoredImage's values for each image, and what could not be used."""

    images: tuple[tuple[str, Count, Count, Whole, Whole], ...]
    skipped: tuple[str, ...]


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


def open_store(
    folder: str | Path, scale: int, cache: Path, progress: Progress | None = None, lr_folder: str | Path = ""
) -> PatchStore:
    """Map the images of `folder`, preparing them under `cache` on first use.

    LR pixels are those of the folder's layout or of `lr_folder`, else made from the whole HR image by the exact
    bicubic, as in the benchmarks. Corrupt images are skipped and named. Raises InputError when the folder is
    missing or holds no usable image.
    """
    pairs = find_pairs(folder, scale, lr_folder)
    target = cache / f"{Path(folder).name}-x{scale}-{_key(pairs, scale)}"
    if not target.is_dir():
        try:
            with new_directory(target) as temporary:
                _prepare(pairs, scale, temporary, progress)
        except InputError:
            if not (target / _INDEX).is_file():  # else another process has made the same meanwhile
                raise
    store = _opened(target, scale)
    others = (f"{name}: its format is not read" for name in passed_over(pairs[0].hr.parent))
    return replace(store, skipped=(*store.skipped, *others))


def _opened(target: Path, scale: int) -> PatchStore:
    """A store that is there. Raises InputError for one that is not whole."""
    advice = f"remove {target}, it will be made again"
    index = decode(_Index, read(target / _INDEX, _MOST_BYTES, "prepared pixels", advice), _INDEX, advice)
    images = tuple(StoredImage(*row) for row in index.images)
    try:
        lr, hr = (np.memmap(target / name, np.uint8, "r") for name in ("lr.u8", "hr.u8"))
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise InputError(f"expected prepared pixels in {target}, found none ({error}); {advice}") from error
    needed = sum(image.height * image.width * 3 for image in images)
    if (lr.size, hr.size) != (needed, needed * scale * scale):
        raise InputError(f"expected prepared pixels of {needed} bytes in {target}, found {lr.size}; {advice}")
    return PatchStore(scale, images, index.skipped, lr, hr)


def _key(pairs: Sequence[Pair], scale: int) -> str:
    """Names, sizes and times of the files: another one as soon as any of them changes."""
    files = [pair.hr for pair in pairs] + [pair.lr for pair in pairs if pair.lr and pair.lr.exists()]
    stamps = [f"{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join([f"{_FORMAT} x{scale}{key_text()}", *stamps]).encode()).hexdigest()[:16]


def _prepare(pairs: Sequence[Pair], scale: int, target: Path, progress: Progress | None) -> None:
    images: list[StoredImage] = []
    skipped: list[str] = []
    lr_offset = hr_offset = 0
    with (target / "lr.u8").open("wb") as lr_file, (target / "hr.u8").open("wb") as hr_file:
        for done, pair in enumerate(pairs, 1):
            if progress:
                progress(done, len(pairs))
            try:
                lr, hr = read_pair(pair, scale)
            except InputError as error:
                skipped.append(f"{pair.hr.name}: {error}")
                continue
            lr_file.write(lr.tobytes())
            hr_file.write(hr.tobytes())
            images.append(StoredImage(pair.hr.name, lr.shape[0], lr.shape[1], lr_offset, hr_offset))
            lr_offset += lr.size
            hr_offset += hr.size
    if not images:
        raise InputError(f"expected usable images in {pairs[0].hr.parent}, found none ({skipped[0]}): check the folder")
    rows = [[i.name, i.height, i.width, i.lr_offset, i.hr_offset] for i in images]
    (target / _INDEX).write_text(json.dumps({"images": rows, "skipped": skipped}), encoding="utf-8")
