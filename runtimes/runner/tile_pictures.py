"""A real picture for each tile size of a bundle: to time with, and for a server to warm up on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.pixels import to_nchw
from runtimes.bundle.integrity import verify
from runtimes.bundle.manifest import Manifest
from runtimes.runner.tiling import Array, Tile


def tile_pictures(bundle: str | Path, manifest: Manifest, tiles: Iterable[Tile]) -> dict[Tile, Array]:
    """A real picture for each tile: the first LR of the parity pack, repeated where it is too small.

    Without a pack, seeded noise. Raises InputError if the pack was changed.
    """
    entries = manifest.reference.entries
    if entries:
        verify(bundle, {entries[0].lr: manifest.reference.files[entries[0].lr]})
        picture = to_nchw(read_rgb8(Path(bundle) / entries[0].lr))
    else:
        picture = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    return {tile: _fitted(picture, tile) for tile in tiles}


def _fitted(picture: Array, tile: Tile) -> Array:
    lacking = [max(0, wanted - had) for wanted, had in zip(tile, picture.shape[2:], strict=True)]
    wide = np.pad(picture, ((0, 0), (0, 0), (0, lacking[0]), (0, lacking[1])), mode="wrap")
    return np.ascontiguousarray(wide[:, :, : tile[0], : tile[1]])
