"""What accuracy is measured on: a folder, the demo's photographs, the parity pack that a bundle carries, or the
photographs that come with the package.

Images are opened one at a time; only their names and hashes are held.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.records.accuracy import DatasetNote
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging import photographs as shipped
from dlgsanet.imaging.files import list_images, passed_over_line, read_rgb8
from dlgsanet.imaging.pixel_hash import content_hash
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from dlgsanet.metrics import Protocol
from dlgsanet.storage.atomic import sha256_file
from runtimes.bundle.field_types import Fill
from runtimes.bundle.integrity import verify
from runtimes.bundle.manifest import Manifest
from runtimes.runner.overlap import DEFAULT_FILL
from runtimes.runner.tiling import Tile

MADE_LR = "bicubic-matlab8"
GIVEN_LR = "given"
SSIM_WINDOW = 11
"""HR pixels that must be left on each side within the border (one scale wide) for SSIM to be defined."""


@dataclass(frozen=True)
class DemoPhotograph:
    """One of scikit-image's pictures: its file there, where it comes from, on which terms."""

    file: str
    source: str
    terms: str


# coffee, rocket and the others stay unused here: calibration may see them, evaluation may not.
PHOTOGRAPHS = (
    DemoPhotograph("astronaut.png", "NASA, portrait of Eileen Collins", "public domain"),
    DemoPhotograph("chelsea.png", "Stéfan van der Walt", "CC0"),
    DemoPhotograph(
        "motorcycle_left.png",
        "Middlebury stereo 2014, Scharstein et al.",
        "no licence stated, cite the paper",
    ),
)


@dataclass(frozen=True)
class Item:
    """Files of one image; `sr` holds the pack's stored reference outputs, tile "HxW" -> NPY."""

    name: str
    hr: Path
    lr: Path | None = None
    sr: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One decoded image: `hr` (s*h, s*w, 3) and `lr` (h, w, 3), both uint8 RGB."""

    item: Item
    hr: NDArray[np.uint8]
    lr: NDArray[np.uint8]


@dataclass(frozen=True)
class Dataset:
    """Named images at one scale; `sha256` covers the content of all files, not their names. `notes`: what was passed
    over, one line a folder."""

    name: str
    scale: int
    items: tuple[Item, ...]
    lr_source: str
    terms: str
    sha256: str
    notes: tuple[str, ...] = ()

    def protocol(self, tile: Tile | None, overlap: int | None, fill: Fill | None = DEFAULT_FILL) -> Protocol:
        """8 bits, Y, a border of one scale, as papers measure; with the tiling in LR pixels, which moves the figures,
        too. None for the whole image at once."""
        return Protocol(
            self.scale, "y", self.scale, True, self.lr_source, tile, overlap, fill if tile else None, self.sha256
        )

    @property
    def note(self) -> DatasetNote:
        """The data, as result files name them."""
        return DatasetNote(self.name, self.sha256, len(self.items), self.lr_source, self.terms)

    def samples(self) -> Iterator[Sample]:
        """The images, decoded one at a time in the order of their names. Raises InputError as
        `read_sample`."""
        for item in self.items:
            yield read_sample(item, self.scale)


def read_sample(item: Item, scale: int) -> Sample:
    """Decode one image; HR is cut (top left) to a multiple of the scale, LR is made from it unless given.

    Raises InputError: an unreadable file, one too small to be judged, or an LR that is not HR's size divided
    by the scale.
    """
    whole = read_rgb8(item.hr)
    least = -(-(SSIM_WINDOW + 2 * scale) // scale) * scale
    if min(whole.shape[:2]) < least:
        found = f"{whole.shape[1]}x{whole.shape[0]}"
        raise InputError(f"expected at least {least}x{least} pixels in {item.hr}, found {found}; use larger images")
    hr = np.ascontiguousarray(crop_to_multiple(whole, scale)).astype(np.uint8, copy=False)
    if item.lr is None:
        return Sample(item, hr, downscale_matlab8(hr, scale))
    lr = read_rgb8(item.lr)
    expected = (hr.shape[0] // scale, hr.shape[1] // scale, 3)
    if lr.shape != expected:
        raise InputError(
            f"HR and LR do not match: expected {expected[1]}x{expected[0]} pixels in {item.lr} "
            f"for x{scale} of {item.hr}, found {lr.shape[1]}x{lr.shape[0]}"
        )
    return Sample(item, hr, lr)


def open_folder(folder: str | Path, scale: int) -> Dataset:
    """A folder of HR images, or one with `HR/` and perhaps `LRbicx<scale>/` (names as in HR, or with
    `x<scale>`).

    Every image is decoded once, so that a broken one is found before the work and not in its midst. Raises
    InputError: no folder, no images, a broken one, HR and LR that do not match in names, number or size.
    """
    place = Path(folder)
    hr_folder = place / "HR" if (place / "HR").is_dir() else place
    lr_folder = place / f"LRbicx{scale}"
    given = hr_folder != place and lr_folder.is_dir()
    images = _by_stem(list_images(hr_folder), paired=given)
    pairs = _paired(images, list_images(lr_folder), scale) if given else {}
    items = tuple(Item(stem, path, pairs.get(stem)) for stem, path in images.items())
    for item in items:
        read_sample(item, scale)
    named = place.resolve()
    name = named.parent.name if named.name == "HR" else named.name
    source = GIVEN_LR if given else MADE_LR
    notes = filter(None, map(passed_over_line, [hr_folder, *([lr_folder] if given else [])]))
    return Dataset(name, scale, items, source, "as the folder's owner states", content_sha256(items), tuple(notes))


def open_photographs(scale: int) -> Dataset:
    """The demo's photographs, read from the installed scikit-image; no network is used.

    Raises UnavailableError if it is not installed, InputError if a file is missing from it.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(
            'the photographs come with scikit-image, found none: pip install "dlgsanet-edge[report]"'
        )
    folder = Path(spec.submodule_search_locations[0]) / "data"
    items = tuple(Item(Path(photo.file).stem, folder / photo.file) for photo in PHOTOGRAPHS)
    for item in items:
        if not item.hr.is_file():
            raise InputError(f"expected {item.hr.name} in scikit-image, found none; install another version")
    terms = "; ".join(f"{Path(photo.file).stem}: {photo.source} ({photo.terms})" for photo in PHOTOGRAPHS)
    return Dataset("scikit-image photographs", scale, items, MADE_LR, terms, content_sha256(items))


def open_shipped(scale: int) -> Dataset:
    """The photographs that come with the package, those of every parity pack."""
    items = tuple(Item(photo.name, photo.path) for photo in shipped.PHOTOGRAPHS)
    terms = "; ".join(f"{photo.name}: {photo.source} ({photo.licence})" for photo in shipped.PHOTOGRAPHS)
    return Dataset("shipped photographs", scale, items, MADE_LR, terms, content_sha256(items))


def open_pack(bundle: str | Path, manifest: Manifest) -> Dataset:
    """The parity pack of a bundle, every file of it checked by its hash. Raises InputError."""
    reference = manifest.reference
    if not reference.entries:
        raise InputError(f"bundle '{bundle}' carries no parity pack: give images with --data")
    verify(bundle, reference.files)
    root = Path(bundle)
    items = tuple(
        Item(
            entry.name,
            root / entry.hr,
            root / entry.lr,
            {tile: root / path for tile, path in entry.sr.items()},
        )
        for entry in reference.entries
    )
    terms = "; ".join(f"{entry.name}: {entry.source} ({entry.licence})" for entry in reference.entries)
    return Dataset("parity pack", manifest.scale, items, GIVEN_LR, terms, content_sha256(items))


def refuse_calibrated(dataset: Dataset, manifest: Manifest) -> None:
    """Raise InputError where an image to evaluate on is one that the ranges were learnt from, by its pixels."""
    if manifest.calibration is None:
        return
    known = {digest: name for name, digest in manifest.calibration.images.items()}
    for item in dataset.items:
        if (name := known.get(content_hash(read_rgb8(item.hr)))) is not None:
            raise InputError(
                f"expected images that calibration has not seen, found {item.hr.name} (is {name} of the calibration): "
                "evaluate on others, or export again with another --calibration"
            )


def content_sha256(items: tuple[Item, ...]) -> str:
    """One hash of all HR and LR files, the same whatever they are called and wherever they lie."""
    pairs = [f"{sha256_file(item.hr)} {sha256_file(item.lr) if item.lr else '-'}" for item in items]
    return hashlib.sha256("\n".join(sorted(pairs)).encode()).hexdigest()


def _by_stem(images: list[Path], paired: bool) -> dict[str, Path]:
    """Name -> file; names that differ in their suffix alone keep it. Raises InputError where their LR could not be
    told."""
    stems = Counter(path.stem for path in images)
    if paired and (twice := [path.name for path in images if stems[path.stem] > 1]):
        raise InputError(f"two images are called {Path(twice[0]).stem}: {twice[0]} and {twice[1]}; keep one")
    return {path.stem if stems[path.stem] == 1 else path.name: path for path in images}


def _paired(images: Mapping[str, Path], low: list[Path], scale: int) -> dict[str, Path]:
    """HR stem -> LR file. Raises InputError naming what has no partner."""
    found: dict[str, Path] = {}
    for path in low:
        stem = path.stem if path.stem in images else path.stem.removesuffix(f"x{scale}")
        if stem not in images:
            raise InputError(f"HR and LR do not match: {path} has no image called {stem} in HR")
        if stem in found:
            raise InputError(f"HR and LR do not match: {found[stem].name} and {path.name} both belong to {stem}")
        found[stem] = path
    missing = [str(path) for stem, path in images.items() if stem not in found]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"HR and LR do not match: no LR for {missing[0]}{more} in {low[0].parent}")
    return found
