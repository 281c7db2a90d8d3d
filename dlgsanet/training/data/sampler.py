"""Random aligned LR/HR patches. What is drawn depends on the random numbers alone, so that processes can share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from dlgsanet.training.data.pixel_store import PatchStore, StoredImage

Patches = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Share:
    """Part `rank` of `count` equal parts of every batch: what one of several processes works on."""

    rank: int = 0
    count: int = 1

    def of(self, size: int) -> slice:
        """This part of `size` patches. Raises InputError when they cannot be divided equally."""
        if size % self.count:
            raise InputError(f"expected a batch that {self.count} processes share equally, found {size}: change one")
        part = size // self.count
        return slice(self.rank * part, (self.rank + 1) * part)


@dataclass(frozen=True)
class _Cut:
    """One patch to be: the index of its image, the places to choose from, and one of 8 orientations."""

    image: int
    tops: NDArray[np.int64]
    lefts: NDArray[np.int64]
    orientation: int


class PatchSampler:
    """Draws batches: image by area, position uniform (or the most detailed of several), one of 8 orientations.

    `too_small` names the images that hold no patch. Raises InputError when none holds one.
    """

    def __init__(self, stores: Sequence[PatchStore], patch: int, candidates: int = 1) -> None:
        images = [(store, image) for store in stores for image in store.images]
        self.patch, self.candidates, self.scale = patch, candidates, stores[0].scale
        self._usable = [entry for entry in images if _fits(entry[1], patch)]
        self.too_small = tuple(image.name for _, image in images if not _fits(image, patch))
        if not self._usable:
            side = patch * self.scale
            raise InputError(
                f"expected images of at least {side} pixels a side, found none among {len(images)}: "
                "lower data.patch or add larger images"
            )
        areas = np.array([image.height * image.width for _, image in self._usable], np.float64)
        self._chances = areas / areas.sum()

    def batch(self, size: int, rng: np.random.Generator, share: Share = Share()) -> Patches:
        """(n, 3, p, p) LR and (n, 3, s*p, s*p) HR, float32 in [0, 1]: this share of a batch of `size`.

        The random numbers of the whole batch are drawn, whatever the share: all processes stay in step.
        """
        pairs = [self._patches(cut) for cut in self._plan(size, rng)[share.of(size)]]
        return _as_floats([pair[0] for pair in pairs]), _as_floats([pair[1] for pair in pairs])

    def _plan(self, size: int, rng: np.random.Generator) -> list[_Cut]:
        chosen = rng.choice(len(self._usable), size=size, p=self._chances)
        return [self._place(int(index), rng) for index in chosen]

    def _place(self, index: int, rng: np.random.Generator) -> _Cut:
        image = self._usable[index][1]
        tops = rng.integers(0, image.height - self.patch + 1, self.candidates)
        lefts = rng.integers(0, image.width - self.patch + 1, self.candidates)
        return _Cut(index, tops, lefts, int(rng.integers(0, 8)))

    def _patches(self, cut: _Cut) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        p, s = self.patch, self.scale
        store, image = self._usable[cut.image]
        lr, hr = store.views(image)
        cuts = [lr[top : top + p, left : left + p] for top, left in zip(cut.tops, cut.lefts, strict=True)]
        best = max(range(len(cuts)), key=lambda i: detail(cuts[i])) if len(cuts) > 1 else 0
        top, left = int(cut.tops[best]), int(cut.lefts[best])
        large = hr[top * s : (top + p) * s, left * s : (left + p) * s]
        return oriented(cuts[best], cut.orientation), oriented(large, cut.orientation)


def detail(pixels: NDArray[np.uint8]) -> float:
    """Mean absolute difference of green neighbours, 0..255: how much there is to learn in a patch."""
    green = pixels[..., 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())


def oriented(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """One of the 8 flips and 90-degree rotations of a square patch (0 leaves it as it is)."""
    turned = np.rot90(pixels, orientation % 4)
    return turned[:, ::-1] if orientation >= 4 else turned


def _fits(image: StoredImage, patch: int) -> bool:
    return min(image.height, image.width) >= patch


def _as_floats(patches: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    pixels = np.stack(patches).transpose(0, 3, 1, 2).astype(np.float32)
    pixels /= np.float32(255)
    return pixels
