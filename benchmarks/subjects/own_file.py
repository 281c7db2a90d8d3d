"""The own file of a network that is no DLGSANet, as a peer: what its users have without us."""

from __future__ import annotations

from pathlib import Path

from benchmarks.records.identity import Identity
from dlgsanet.errors import InputError
from runtimes.backends.onnxruntime import ENGINE
from runtimes.backends.onnxruntime.file_runner import OnnxFileRunner
from runtimes.bundle.integrity import verify
from runtimes.bundle.manifest import Manifest, read_manifest
from runtimes.runner.contract import Runner, RunOptions
from runtimes.runner.tiling import Tile

OWN_FILE = Identity(role="reference", backend=ENGINE.name)
PEER = "reference"
"""What `--peer` calls it."""


def require_peer(peer: str, manifest: Manifest) -> None:
    """Raise InputError for a peer that only DLGSANet has."""
    if manifest.source.foreign and peer != PEER:
        raise InputError(
            f"--peer {peer} is a form of DLGSANet, which {manifest.name} is not: give --peer {PEER}, its own file in "
            f"{ENGINE.name}"
        )


def open_own_file(bundle: Path, tile: Tile, threads: int | None) -> Runner:
    """The untouched file with all that its engine optimizes, in one tile size. Raises InputError for a file that is not
    the manifest's, or a bundle of DLGSANet."""
    manifest = read_manifest(bundle)
    foreign, path = manifest.source.foreign, manifest.reference.checkpoint
    if foreign is None:
        raise InputError(f"expected a network of others in {bundle}, found DLGSANet: give one of its own peers")
    verify(bundle, {path: manifest.reference.files[path]})
    return OnnxFileRunner(bundle / path, foreign, manifest.scale, tile, "fp32", RunOptions(threads=threads))
