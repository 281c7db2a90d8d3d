"""Which files a folder of training or test images means: HR alone, or HR with their LR partners.

Known layouts: `HR/` with `LRbicx4/` beside it (benchmark sets), `DIV2K_train_HR/` with
`DIV2K_train_LR_bicubic/X4/` beside it (DIV2K, Flickr2K; given itself or its parent), and a plain folder of
HR images. The partner of `0001.png` is `0001x4.png` or has the same name; that of `0001_x4.png`, as `upscale` names
what it makes, is `0001.png`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import list_images, read_rgb8
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8

_HR, _TRAIN_HR = "_HR", "_train_HR"


@dataclass(frozen=True)
class Pair:
    """An HR file and its LR partner; None where LR is to be made by the exact bicubic."""

    hr: Path
    lr: Path | None = None


def find_pairs(folder: str | Path, scale: int, lr_folder: str | Path = "") -> tuple[Pair, ...]:
    """The images of `folder` in the order of their names, paired where LR images are known or given.

    A missing partner is a pair whose LR file does not exist: reading it says so by name. Raises InputError for
    a missing folder or one without images.
    """
    hr = _hr_folder(Path(folder))
    lr = Path(lr_folder) if str(lr_folder) else _lr_folder(hr, scale)
    if lr is None:
        return tuple(Pair(path) for path in list_images(hr))
    partners = {path.stem: path for path in list_images(lr)}
    return tuple(Pair(path, _partner(path, lr, partners, scale)) for path in list_images(hr))


def read_pair(pair: Pair, scale: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(h, w, 3) LR and (s*h, s*w, 3) HR pixels, HR cropped to a multiple of the scale. Raises InputError."""
    hr = np.ascontiguousarray(crop_to_multiple(read_rgb8(pair.hr), scale))
    if pair.lr is None:
        return downscale_matlab8(hr, scale), hr
    lr = read_rgb8(pair.lr)
    if (lr.shape[0] * scale, lr.shape[1] * scale) != hr.shape[:2]:
        raise InputError(
            f"expected LR of {hr.shape[1] // scale}x{hr.shape[0] // scale} pixels for {pair.hr.name}, "
            f"found {lr.shape[1]}x{lr.shape[0]} in {pair.lr}"
        )
    return lr, hr


def _hr_folder(folder: Path) -> Path:
    if (folder / "HR").is_dir():
        return folder / "HR"
    inside = sorted(folder.glob(f"*{_TRAIN_HR}")) if folder.is_dir() else []
    if len(inside) > 1:
        names = ", ".join(path.name for path in inside)
        raise InputError(f"expected one *{_TRAIN_HR} folder in {folder}, found {names}: name one of them")
    return inside[0] if inside else folder


def _lr_folder(hr: Path, scale: int) -> Path | None:
    known = [hr.parent / f"LRbicx{scale}"] if hr.name == "HR" else []
    if hr.name.endswith(_HR):
        known.append(hr.parent / f"{hr.name.removesuffix(_HR)}_LR_bicubic" / f"X{scale}")
    return next((path for path in known if path.is_dir()), None)


def _partner(hr: Path, folder: Path, partners: dict[str, Path], scale: int) -> Path:
    named = f"{hr.stem}x{scale}"
    made_of = hr.stem.removesuffix(f"_x{scale}")
    return partners.get(named) or partners.get(hr.stem) or partners.get(made_of) or folder / f"{named}{hr.suffix}"
