"""Telling benchmark images among calibration ones: figures on those would be worth nothing, so it is said."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.imaging.pixel_hash import content_hash
from dlgsanet.imaging.resize import crop_to_multiple

CROPPED = 12  # sides are cut to multiples of this before hashing: some copies of the sets are cut so, for x2, x3 and x4
DIGITS = 12
KNOWN = {
    "Set5": """
        3e70746eea4b 42a06276f8b0 76c394c03240 bda9812a2a14 f3d8f22a407c
    """,
    "B100": """
        0276b8b495a9 07addfc80d8c 07c4a009acd9 098f06633dd1 0999aad89ff8 09d4d11bfd13 0b593bf4f089 0b865cc6c450
        0c20911e5e5a 0ee488345171 0f764fc71ec1 13e04a1dfb51 1dbae5017a74 1ee20364c094 246750b8b193 2687140362d7
        27df6b07c06f 2a3ede2be6f7 2b9bd1b3e48e 2c75d52f0485 2dcf5b72a453 2f9910b7d41b 312babfb4c58 31358c5b44bc
        33b90d6e488b 3b410b185213 3caf4575a9be 3f13dfc9ca6a 3f72ab54f5b1 44bd5df04f65 46ccd977d92e 4a7097c4e7b4
        4de295a1a3fa 5147944de2a3 5335b40ae9b7 5eff400e97fd 602dbae8ce6e 646ad90cbf87 67a78f212798 6cb226cb1eee
        6d0d3263d2b4 73224479576c 74f81e78bd81 78acb7f5bd64 7e43726b0b62 83ca2bc42db5 8668754042e7 8816f7e32485
        8a660f30e479 8b1ada114064 8b9c4d0350b7 8f8aad662df5 902f6d606a82 91e29caf025f 92d4367e4d93 954b5ecf50bb
        9b796270f060 9bfbaa673156 9c0bd63c4307 9e8d41b3b1ad a02b3a95a1f0 a3d8c1e2cb05 ab97d45bdbba abca38238507
        af35974af9ba b021e54d6e74 b05a7cf2a527 b21bd6e7a720 b41adf97700f b7adf120f5f8 ba2530260c42 bd06f7ac1816
        bffcbeb7ffaa c297de80773c c301953a685c c43b3619c930 c64f980e01ce cefce331908a d10745fd518d d110826de204
        d2309362f9e6 d2641c8dee44 d80f7cc7d26d da7aa140bfc3 dcacf6ef3c3a dd4e858f7773 e2d62fcba0d9 e65596486397
        e9cbbda86e1c e9e09a599105 ec5c0d925911 ecefcc005934 f1d812c5d7be f2c41d1eba8f f2d6b55552f4 f8ea59b986b1
        fa5a54194987 fd86453c9b04 fe09cf33dd12 feec4b29fb59
    """,
}
"""The first digits of the hashes of each set's images."""

_SETS = {digits: name for name, hashes in KNOWN.items() for digits in hashes.split()}
_NAMES = {"bsd100": "B100", "bsds100": "B100"} | {
    name.lower(): name for name in ("Set5", "Set14", "B100", "Urban100", "Manga109")
}
_NAMED = re.compile(rf"(?<![a-z0-9])({'|'.join(_NAMES)})(?![a-z0-9])")


def benchmark_of_image(pixels: NDArray[np.uint8]) -> str | None:
    """The benchmark that an image (H, W, 3) belongs to, by its pixels. Of Set5 and B100; None for all others."""
    if min(pixels.shape[:2]) < CROPPED:
        return None
    return _SETS.get(content_hash(np.ascontiguousarray(crop_to_multiple(pixels, CROPPED)))[:DIGITS])


def benchmarks_among(folder: str, images: Iterable[NDArray[np.uint8]]) -> tuple[str, ...]:
    """The benchmarks that a folder (empty: none) or its images look like, sorted."""
    found = {benchmark_of_image(pixels) for pixels in images} | {benchmark_of_folder(folder) if folder else None}
    return tuple(sorted(filter(None, found)))


def benchmark_of_folder(folder: str) -> str | None:
    """The benchmark that a folder or one of the two around it is called after, as in `Set14/HR`."""
    for part in reversed(Path(folder).resolve().parts[-3:]):
        if found := _NAMED.search(part.lower()):
            return _NAMES[found[1]]
    return None


def warning(benchmarks: Collection[str]) -> str:
    """What is said of benchmarks among the calibration images."""
    sets = " and ".join(sorted(benchmarks))
    return f"calibration images are of {sets}: figures on {sets} are not held-out ones, give other photographs"
