"""A whole bundle: every file as the manifest has it, nothing besides, and one digest of all, to be sent another way."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError, shown
from dlgsanet.storage.atomic import sha256_file
from runtimes.bundle.integrity import require_only, stored_bytes, verify
from runtimes.bundle.manifest import MANIFEST, read_manifest

CARD = "README.md"  # of the bundle, and of a backend in its folder: for people, and read by no engine
_ENGINE = re.compile(r"\.sm\d+\.engine(\.json)?\Z")  # what `build` puts beside a listed ONNX


@dataclass(frozen=True)
class Whole:
    """`digest` is the SHA-256 of a line `<sha256>  <path>` for each file in the order of the paths, as `sha256sum`
    prints them; `engines` were built later and are no part of it."""

    digest: str
    files: int
    bytes: int
    engines: tuple[str, ...]


def verify_whole(bundle: Path, *, engines: bool = False) -> Whole:
    """Check every file of a bundle. Raises InputError for a changed or missing one, and for one that the manifest does
    not list; `engines`: those that `build` made are allowed."""
    manifest = read_manifest(bundle)
    listed = dict(manifest.reference.files)
    for artifact in manifest.artifacts:
        for path, sha256 in artifact.files.items():
            if listed.setdefault(path, sha256) != sha256:
                raise InputError(f"manifest: '{path}' has two hashes; make the bundle again")
    verify(bundle, listed)
    hashes = listed | {name: sha256_file(bundle / name) for name in (MANIFEST, *cards(bundle))}
    later = built(bundle) if engines else ()
    require_only(bundle, "", {*hashes, *later})
    lines = "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    return Whole(digest, len(hashes), stored_bytes(bundle, hashes), later)


def require_digest(whole: Whole, expected: str, bundle: Path) -> None:
    """Raise InputError unless the bundle is the one that the digest was told of."""
    wanted = expected.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise InputError(f"expected --digest of 64 hexadecimal digits, found {shown(expected)}")
    if wanted != whole.digest:
        raise InputError(
            f"expected a bundle of digest {wanted}, found {whole.digest} of '{bundle}': it is another one; "
            "do not open it, ask who sent it"
        )


def cards(bundle: Path) -> tuple[str, ...]:
    """The files for people that a bundle has, by their paths in it."""
    found = (path for path in (bundle / CARD, *bundle.glob(f"*/{CARD}")) if path.is_file() and not path.is_symlink())
    return tuple(path.relative_to(bundle).as_posix() for path in found)


def built(bundle: Path) -> tuple[str, ...]:
    """The engines that `build` put into a bundle, by their paths in it."""
    found = (path.relative_to(bundle).as_posix() for path in bundle.rglob("*.engine*") if _ENGINE.search(path.name))
    return tuple(sorted(found))
