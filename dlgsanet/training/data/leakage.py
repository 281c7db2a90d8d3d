"""Keeping test images out of training: the same decoded pixels under whatever name and file format are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlgsanet.errors import InputError
from dlgsanet.imaging.pixel_hash import content_hash
from dlgsanet.training.data.pixel_store import PatchStore
from dlgsanet.training.data.sources import find_pairs, read_pair

_NAMED = 4  # leaks spelt out in the error


def refuse_leaks(stores: Sequence[PatchStore], folders: Sequence[str | Path]) -> None:
    """Raise InputError when a stored training image has the pixels of an image in one of the test folders.

    Compared are the hashes of the HR pixels, cropped to a multiple of the scale; only images of equal size are
    hashed. A test folder that cannot be read raises too: an unchecked run would look like a clean one.
    """
    tests = [f"{Path(folder).name}/" for folder in folders]
    known: dict[tuple[int, ...], dict[str, str]] = {}
    for folder, prefix in zip(folders, tests, strict=True):
        for pair in find_pairs(folder, stores[0].scale):
            _, hr = read_pair(pair, stores[0].scale)
            known.setdefault(hr.shape, {})[content_hash(hr)] = prefix + pair.hr.name
    leaks = [leak for store in stores for leak in _leaks(store, known)]
    if leaks:
        rest = f" and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
        raise InputError(
            f"expected no test image among the training images, found {len(leaks)}: {', '.join(leaks[:_NAMED])}{rest}; "
            "remove them from the training folder"
        )


def _leaks(store: PatchStore, known: dict[tuple[int, ...], dict[str, str]]) -> list[str]:
    found = []
    for image in store.images:
        hr = store.views(image)[1]
        same_size = known.get(hr.shape)
        if same_size and (name := same_size.get(content_hash(hr))):
            found.append(f"{image.name} (is {name})")
    return found
