"""What artifacts are held against besides torch: a folder that `python -m benchmarks.studies.peers.export` made.

`bench --peers FOLDER` times its files in the same rounds as ours, on the same backends and precisions; a bare bicubic
joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image

from benchmarks.records.accuracy import Decibels
from benchmarks.subjects.subject import Contestant
from dlgsanet.errors import InputError
from dlgsanet.storage.json_text import read
from dlgsanet.storage.typed_json import Count, Text, decode
from runtimes.backends.registry import backend_runner
from runtimes.bundle.field_types import InsidePath, Sha256, Tile
from runtimes.bundle.manifest import Artifact, Port
from runtimes.bundle.records import Precision
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.tiling import Array

LIST = "peers.json"
REMAKE = "make the peers again"
MAX_BYTES = 1 << 20
SCHEMA: Final = 3
BICUBIC = "bicubic"
RANDOM = "random"


@dataclass(frozen=True)
class PeerFile:
    """One peer for one backend, precision and tile (H, W): `files` path -> sha256, `path` the one to load.

    `weights` says where they are from (RANDOM: times are true, pictures are not); `published_db`: the PSNR on Set5 (Y)
    of a paper, for weights that nobody ships.
    """

    peer: Text
    backend: Text
    precision: Precision
    tile: Tile
    scale: Count
    path: InsidePath
    files: Mapping[InsidePath, Sha256]
    note: str
    hints: Mapping[str, str]
    weights: Text
    published_db: Decibels | None

    @property
    def name(self) -> str:
        """`swinir-light-openvino-fp32-128x128`."""
        return f"{self.peer}-{self.backend}-{self.precision}-{self.tile[0]}x{self.tile[1]}"


@dataclass(frozen=True)
class PeerFolder:
    """The content of LIST."""

    schema: Literal[3]
    files: tuple[PeerFile, ...]


def peer_contestants(folder: Path, tiles: Sequence[Tile], device: str, threads: int | None) -> list[Contestant]:
    """Every peer of these tiles, and a bicubic for each. Raises InputError for a folder that is not one of peers."""
    found = read_peers(folder)
    made = [
        Contestant(
            peer.name,
            peer.precision,
            peer.tile,
            partial(open_file, folder, peer, device, threads),
            peer.note,
            role="peer",
            backend=peer.backend,
        )
        for peer in found.files
        if peer.tile in tiles
    ]
    if not made:
        known = ", ".join(sorted({f"{peer.tile[0]}x{peer.tile[1]}" for peer in found.files}))
        raise InputError(f"{folder} holds peers of {known}, none of the bundle's tiles: make them with --tile")
    scale = found.files[0].scale
    made += [
        Contestant(
            f"{BICUBIC}-{h}x{w}", "fp32", (h, w), partial(BicubicRunner, scale, (h, w)), role="peer", backend="pillow"
        )
        for h, w in tiles
    ]
    return made


def read_peers(folder: Path) -> PeerFolder:
    """The list of such a folder. Raises InputError."""
    place = folder / LIST
    if not place.is_file():
        raise InputError(f"{folder} is no folder of peers: make one with `python -m benchmarks.studies.peers.export`")
    return decode(PeerFolder, read(place, MAX_BYTES, "a list of peers", REMAKE), place.name, REMAKE)


def open_file(folder: Path, peer: PeerFile, device: str, threads: int | None) -> Runner:
    """A peer's file as a runner like ours; hashes are checked when it is entered."""
    (h, w), s = peer.tile, peer.scale
    artifact = Artifact(
        id=peer.name,
        backend=peer.backend,
        precision=peer.precision,
        variant=None,
        tile=peer.tile,
        path=peer.path,
        files=peer.files,
        input=Port("lr", "NCHW", "float32", (0.0, 1.0), (1, 3, h, w)),
        output=Port("sr", "NCHW", "float32", (0.0, 1.0), (1, 3, h * s, w * s)),
        lowering="none",
        rewrites=(),
        hints=peer.hints,
        calibration_sha256=None,
        certificate=None,
    )
    return backend_runner(folder, artifact, s, RunOptions(device, threads))


class BicubicRunner(Runner):
    """Pillow's bicubic on one thread, for scale: what upsampling costs without a network."""

    def __init__(self, scale: int, tile: Tile) -> None:
        super().__init__(scale, (tile,))

    def _open(self) -> RunInfo:
        name = f"{BICUBIC}-{self.tiles[0][0]}x{self.tiles[0][1]}"
        return RunInfo(name, "pillow", "CPU", "fp32", "fp32", 1, {"pillow": version("pillow")})

    def _infer(self, tile: Array) -> Array:
        size = (tile.shape[3] * self.scale, tile.shape[2] * self.scale)
        maps = [np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BICUBIC)) for channel in tile[0]]
        return np.stack(maps)[None]

    def _close(self) -> None:
        """Nothing was taken."""
