"""The pictures that quantization learns its ranges from: few tiles, chosen to cover what photographs and pages do."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.files import list_images, passed_over_line, read_rgb8
from dlgsanet.imaging.pixel_hash import content_hash
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from export.quantization.benchmark_images import benchmarks_among, warning
from export.quantization.drawn_pages import drawn_pages
from export.quantization.options import CalibrationOptions

# Of scikit-image, and none of those that `check` and the demo evaluate on (nor the other view of the motorcycle).
SKIMAGE_PHOTOGRAPHS = (
    "brick.png", "coffee.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "retina.jpg",
    "rocket.jpg",
)  # fmt: skip
PLACES = 24  # places tried in each image
JUDGED = 12  # tiles that a search judges by
FEW_TILES = 8
FLAT = 0.02  # standard deviation of a tile's grey values below which there is nothing to learn from it


@dataclass(frozen=True)
class JudgedTile:
    """A tile that is not calibrated on, with its original: `lr` (1, 3, H, W) float32 in [0, 1], `hr` (sH, sW, 3)."""

    lr: NDArray[np.float32]
    hr: NDArray[np.uint8]


@dataclass(frozen=True)
class CalibrationSet:
    """`tiles`: (N, 3, H, W) float32 RGB in [0, 1]. `images`: name -> hash of its decoded pixels, by which `check`
    refuses to evaluate on it. `benchmarks`: those that the images, or their folder, look like. `warnings`: one line
    each. `mirrored`: the most different places of the same images, mirrored, with their originals, for a search to
    judge by."""

    tiles: NDArray[np.float32]
    images: Mapping[str, str]
    seed: int
    benchmarks: tuple[str, ...]
    warnings: tuple[str, ...]
    mirrored: tuple[JudgedTile, ...]

    @property
    def sha256(self) -> str:
        """Of the tiles: the same ranges can be learnt again only from the same hash."""
        shape = repr(self.tiles.shape).encode()
        return hashlib.sha256(shape + np.ascontiguousarray(self.tiles).tobytes()).hexdigest()


def calibration_set(scale: int, tile: tuple[int, int], options: CalibrationOptions) -> CalibrationSet:
    """Cut LR tiles (H, W) from the images, made LR as the benchmarks' are, and keep the most different ones; without
    a folder, some are of drawn pages.

    Images smaller than a tile are continued by reflection, as in tiling. Raises InputError for a folder without
    usable images, UnavailableError when the default photographs are not installed.
    """
    paths = image_paths(options.folder)
    share = 0.0 if options.folder else options.pages
    pages = drawn_pages(options.seed) if share else {}
    rng = np.random.default_rng(options.seed)
    images: dict[str, str] = {}
    benchmarks = set(benchmarks_among(options.folder, ()))
    photographed: list[_Cut] = []
    for path in paths:
        hr = read_rgb8(path)
        images[path.name] = content_hash(hr)
        benchmarks.update(benchmarks_among("", (hr,)))
        photographed += _cuts_of(hr, path.name, scale, tile, rng)
    drawn: list[_Cut] = []
    for name, page in pages.items():
        images[f"drawn {name}"] = content_hash(page)
        drawn += _cuts_of(page, name, scale, tile, rng)
    tiles = [cut.lr for cut in _chosen(photographed, drawn, options.tiles, share)]
    judged = tuple(_mirror_image(cut) for cut in _chosen(photographed, drawn, JUDGED, share))
    stacked = np.concatenate([to_nchw(cut) for cut in tiles]).astype(np.float32)
    known = tuple(sorted(benchmarks))
    others = passed_over_line(options.folder) if options.folder else ""
    warnings = (*_warnings(tiles, len(images), known), *filter(None, [others]))
    return CalibrationSet(stacked, images, options.seed, known, warnings, judged)


def image_paths(folder: str) -> list[Path]:
    if folder:
        return list_images(folder)
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(
            "the default calibration photographs come with scikit-image, found none: pip install "
            "'dlgsanet-edge[quantize]', or give a folder with --calibration"
        )
    data = Path(spec.submodule_search_locations[0]) / "data"
    found = [data / name for name in SKIMAGE_PHOTOGRAPHS if (data / name).is_file()]
    if not found:
        raise UnavailableError("this scikit-image carries no photographs: give a folder with --calibration")
    return found


@dataclass(frozen=True)
class _Cut:
    """One place of an image: `lr` (H, W, 3), `hr` (sH, sW, 3)."""

    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8]


def _cuts_of(
    image: NDArray[np.uint8], name: str, scale: int, tile: tuple[int, int], rng: np.random.Generator
) -> list[_Cut]:
    if min(image.shape[:2]) < 2 * scale:
        found = f"found {name} of {image.shape[1]}x{image.shape[0]}"
        raise InputError(f"expected calibration images of at least {2 * scale} pixels a side, {found}: take it out")
    hr = np.ascontiguousarray(crop_to_multiple(image, scale)).astype(np.uint8, copy=False)
    return _cuts(downscale_matlab8(hr, scale), hr, tile, rng)


def _cuts(lr: NDArray[np.uint8], hr: NDArray[np.uint8], tile: tuple[int, int], rng: np.random.Generator) -> list[_Cut]:
    scale = hr.shape[0] // lr.shape[0]
    missing = [max(0, side - length) for side, length in zip(tile, lr.shape[:2], strict=True)]
    rows, cols = (_mirrored(side, more, scale) for side, more in zip(lr.shape[:2], missing, strict=True))
    lr = np.pad(lr, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")
    hr = hr[rows][:, cols] if any(missing) else hr
    tops = rng.integers(0, lr.shape[0] - tile[0] + 1, PLACES)
    lefts = rng.integers(0, lr.shape[1] - tile[1] + 1, PLACES)
    places = sorted(set(zip(tops.tolist(), lefts.tolist(), strict=True)))
    return [_Cut(_at(lr, top, left, tile, 1), _at(hr, top, left, tile, scale)) for top, left in places]


def _mirrored(side: int, more: int, scale: int) -> NDArray[np.int64]:
    """Where HR continues an LR side by `more` pixels as reflection does: about the centre of its last LR pixel."""
    place = np.arange(scale * (side + more))
    centre, period = (scale - 1) / 2, scale * (side - 1)
    turned = (place - centre) % (2 * period)
    reflected = (np.minimum(turned, 2 * period - turned) + centre).astype(np.int64)
    return np.where(place < scale * side, place, reflected)


def _at(image: NDArray[np.uint8], top: int, left: int, tile: tuple[int, int], scale: int) -> NDArray[np.uint8]:
    height, width = tile
    return image[scale * top : scale * (top + height), scale * left : scale * (left + width)]


def _chosen(photographed: Sequence[_Cut], drawn: Sequence[_Cut], count: int, share: float) -> list[_Cut]:
    """The most different ones of either kind: among all together, pages would be nearly all of them."""
    pages = round(share * count)
    return [
        cuts[index]
        for cuts, wanted in ((photographed, count - pages), (drawn, pages))
        if wanted
        for index in most_different([features(cut.lr) for cut in cuts], wanted)
    ]


def _mirror_image(cut: _Cut) -> JudgedTile:
    """Mirrored: the network is not symmetric, so its values there are new, and small images have no other places."""
    lr, hr = (np.ascontiguousarray(side[:, ::-1]) for side in (cut.lr, cut.hr))
    return JudgedTile(to_nchw(lr), hr)


def features(tile: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What a tile contributes: mean of each colour, lowest and highest value, contrast, detail; each about 0..1."""
    pixels = tile.astype(np.float64) / 255
    grey = pixels.mean(2)
    detail = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    return np.array([*pixels.mean((0, 1)), pixels.min(), pixels.max(), 2 * grey.std(), 5 * detail])


def most_different(points: Sequence[NDArray[np.float64]], count: int) -> list[int]:
    """Indices of `count` points, each the farthest from those before it; the first has the largest contrast and
    detail. Fewer when points coincide: a repeated tile teaches nothing."""
    table = np.stack(points)
    chosen = [int(table[:, -2:].sum(1).argmax())]
    distance = np.linalg.norm(table - table[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)) and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(table - table[chosen[-1]], axis=1))
    return chosen


def _warnings(tiles: Sequence[NDArray[np.uint8]], images: int, benchmarks: Sequence[str]) -> tuple[str, ...]:
    flat = sum((tile / 255).mean(2).std() < FLAT for tile in tiles)
    found = [warning(benchmarks)] if benchmarks else []
    if len(tiles) < FEW_TILES:
        found.append(f"only {len(tiles)} different calibration tiles: ranges may be too narrow, give more images")
    if images == 1:
        found.append("all calibration tiles come from one image: give several")
    if 2 * flat > len(tiles):
        found.append(
            f"{flat} of {len(tiles)} calibration tiles are flat: ranges may be too narrow, give livelier images"
        )
    return tuple(found)
