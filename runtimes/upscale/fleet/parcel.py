"""A bundle on its way to every machine: its bytes in Ray's object store, unpacked once by each actor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from dlgsanet.storage.regular import read_regular
from runtimes.bundle.manifest import MANIFEST, read_manifest, select

Parcel = Mapping[str, bytes]
"""Path within the bundle -> content."""

_MOST_BYTES = 4 << 30


def pack(bundle: Path, prefix: str | None) -> Parcel:
    """The manifest, the files of the artifacts that may run, and what tells whether they do as they should; neither
    checkpoint nor photographs. Raises InputError."""
    manifest = read_manifest(bundle)
    artifacts = manifest.artifacts if prefix is None else select(manifest, prefix)
    paths = {path for artifact in artifacts for path in artifact.files}
    paths |= set(manifest.reference.probes.values())
    return {path: read_regular(bundle / path, _MOST_BYTES) for path in (MANIFEST, *sorted(paths))}


def unpack(parcel: Parcel, folder: Path) -> Path:
    """Write the files below `folder`; runners check their hashes as ever."""
    for path, data in parcel.items():
        place = folder / PurePosixPath(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder
