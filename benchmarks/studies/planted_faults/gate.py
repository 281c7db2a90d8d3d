"""One artifact through the gates of `check`, in this process, on a small set whose reference is computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.check import check
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.studies.planted_faults.plant import Place
from benchmarks.subjects.datasets import Dataset, Sample, open_folder
from benchmarks.subjects.reference import ComputedReference, ReferenceOutputs
from benchmarks.subjects.subject import Origin, Subject
from dlgsanet.imaging.files import read_rgb8, write_picture
from runtimes.bundle.field_types import Fill
from runtimes.bundle.manifest import Manifest
from runtimes.runner.contract import OutputError, RunInfo, Runner
from runtimes.runner.fidelity.probes import probe
from runtimes.runner.overlap import DEFAULT_FILL, DEFAULT_OVERLAP
from runtimes.runner.tiling import Array, Tile, upscale_tiled

PATCH = 8
LEAST_SIDE = 40
"""LR pixels of a piece: the gates' limits are for pictures, and of fewer pixels every figure says less."""

RANKS = (50.0, 90.0, 99.0, 100.0)
"""Percentiles of patches at which a fault is held against what the precision itself does."""
Infer = Callable[[Array], Array]


@dataclass
class Remembered:
    """A function of one tile that computes each tile once."""

    function: Infer
    held: dict[bytes, Array] = field(default_factory=dict)

    def __call__(self, tile: Array) -> Array:
        key = tile.tobytes()
        if key not in self.held:
            self.held[key] = self.function(tile)
        return self.held[key]


class RememberedReference(ReferenceOutputs):
    """The reference through the tiler, each image once; what tiling costs is none of this study."""

    def __init__(self, function: Infer, scale: int) -> None:
        super().__init__("the reference network in torch", DEFAULT_OVERLAP)
        self.tile = Remembered(function)
        self._inner = ComputedReference(self.tile, scale, self.description)
        self._images: dict[tuple[str, Tile], Array] = {}

    def tiled(self, sample: Sample, tile: Tile) -> Array:
        key = (sample.item.name, tile)
        if key not in self._images:
            self._images[key] = self._inner.tiled(sample, tile)
        return self._images[key]

    def whole(self, sample: Sample) -> Array | None:
        return None

    def _probed(self, name: str, tile: Tile) -> Array | None:
        return self.tile(probe(name, tile))


class Replayed(Runner):
    """What a runner gave, given again; it opens the runner only for what is new."""

    def __init__(self, inner: Runner) -> None:
        super().__init__(inner.scale, inner.tiles)
        self._inner = inner
        self._told: RunInfo | None = None
        self.answers = Remembered(self._compute)

    def _open(self) -> RunInfo:
        if self._told is None:
            with self._inner as run:
                self._told = run.info
        return self._told

    def _compute(self, tile: Array) -> Array:
        if self._inner._info is None:
            self._inner.__enter__()
        return self._inner.infer(tile, checked=False)

    def _infer(self, tile: Array) -> Array:
        return self.answers(tile)

    def _close(self) -> None:
        """Kept open: the next fault asks it again."""

    def end(self) -> None:
        """Give the device back."""
        if self._inner._info is not None:
            self._inner.__exit__(None, None, None)


class Watched(Runner):
    """Another runner, and how far what a user sees of it is from what `wanted` gives: whole pictures, and tiles that
    are asked for one by one. `broken`: no picture came."""

    def __init__(self, inner: Runner, wanted: Infer) -> None:
        super().__init__(inner.scale, inner.tiles)
        self._inner, self._wanted = inner, wanted
        self._seen: list[NDArray[np.float64]] = []
        self.broken = False

    def _open(self) -> RunInfo:
        return self._inner.__enter__().info

    def _infer(self, tile: Array) -> Array:
        return self._inner.infer(tile, checked=False)

    def infer(self, tile: Array, *, checked: bool = True) -> Array:
        return self._watch(lambda: super(Watched, self).infer(tile, checked=checked), lambda: self._wanted(tile))

    def __call__(self, lr: Array, overlap: int = DEFAULT_OVERLAP, fill: Fill = DEFAULT_FILL) -> Array:
        tile = self.tile_for((lr.shape[2], lr.shape[3]), overlap)
        return self._watch(
            lambda: super(Watched, self).__call__(lr, overlap, fill),
            lambda: upscale_tiled(self._wanted, lr, self.scale, tile, overlap, fill),
        )

    def _watch(self, ask: Callable[[], Array], wanted: Callable[[], Array]) -> Array:
        try:
            sr = ask()
        except OutputError:
            self.broken = True
            raise
        self._seen.append(patches(np.clip(sr, 0, 1) - np.clip(wanted(), 0, 1)))  # as eyes see it
        return sr

    def levels(self) -> tuple[float, ...]:
        """Of all patches, at RANKS."""
        found = np.concatenate([*self._seen, np.zeros(1)])
        return tuple(round(float(it), 3) for it in np.percentile(found, RANKS))

    def _close(self) -> None:
        self._inner.__exit__(None, None, None)


def patches(error: Array) -> NDArray[np.float64]:
    """Root mean square of every 8x8 patch (1 x 3 x H x W -> values), in levels of 255."""
    _, channels, height, width = error.shape
    rows, columns = height // PATCH, width // PATCH
    cut = error[0, :, : rows * PATCH, : columns * PATCH].reshape(channels, rows, PATCH, columns, PATCH)
    found: NDArray[np.float64] = 255 * np.sqrt(np.square(cut, dtype=np.float64).mean((0, 2, 4))).reshape(-1)
    return found


def small_set(bundle: Path, manifest: Manifest, tile: Tile, folder: Path) -> Dataset:
    """Pieces from the middle of the pack's photographs, of two tiles each way or more."""
    sides = [max(2 * side - DEFAULT_OVERLAP, LEAST_SIDE) * manifest.scale for side in tile]
    for entry in manifest.reference.entries:
        hr = read_rgb8(bundle / entry.hr)
        top, left = (max(0, (had - side) // 2) for had, side in zip(hr.shape, sides, strict=False))
        write_picture(folder / f"{entry.name}.png", hr[top : top + sides[0], left : left + sides[1]])
    return open_folder(folder, manifest.scale)


def judged(place: Place, runner: Runner, data: Dataset, reference: ReferenceOutputs, origin: Origin) -> AccuracyRecord:
    """The record that `check` gives of this runner."""
    artifact = place.artifact
    subject = Subject(
        role="artifact",
        backend=artifact.backend,
        artifact=place.name,
        precision=artifact.precision,
        tile=artifact.tile,
        runner=runner,
    )
    return check([subject], data, reference, origin).records[0]
