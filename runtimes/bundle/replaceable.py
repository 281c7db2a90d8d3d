"""What `--force` may delete: a bundle that holds nothing but itself, whatever version of this package wrote it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from dlgsanet.errors import InputError, shown
from dlgsanet.storage import json_text
from runtimes.bundle.integrity import files_inside, first_besides
from runtimes.bundle.manifest import MANIFEST, MAX_MANIFEST_BYTES
from runtimes.bundle.whole import built, cards


def require_bundle_alone(folder: Path) -> None:
    """Raise InputError unless a folder is a bundle and holds no file besides. Hashes are not looked at: a damaged
    bundle is what one wants to replace."""
    listed = {MANIFEST, *_listed(folder), *cards(folder), *built(folder)}
    require_nothing_besides(folder, listed)


def require_nothing_besides(folder: Path, listed: Collection[str]) -> None:
    """Raise InputError for a file in a folder, or a link, that is not `listed` by its path in it."""
    if (name := first_besides(folder, files_inside(folder), listed)) is not None:
        raise InputError(
            f"--force would delete {shown(name)} in '{folder}', which does not belong to what it replaces: "
            "move it away, or choose another name"
        )


def require_outside_bundles(place: Path) -> None:
    """Raise InputError for a new file or folder inside a bundle, which would be whole no longer."""
    for folder in place.absolute().parents:
        if (folder / MANIFEST).is_file() and _parts(folder) is not None:
            raise InputError(
                f"expected a place outside of bundles, found '{place}' inside '{folder}', which would not be what "
                "its manifest says: choose another place"
            )


def _listed(folder: Path) -> Iterator[str]:
    """Paths of the files that a manifest lists. Raises InputError where there is none of a bundle."""
    if (parts := _parts(folder)) is None:
        said = f"{folder} holds no {MANIFEST} of a bundle, so --force will not replace it"
        raise InputError(f"{said}; choose another name")
    for part in parts:
        files = part.get("files") if isinstance(part, dict) else None
        yield from files if isinstance(files, dict) else ()


def _parts(folder: Path) -> list[json_text.Json] | None:
    """What a manifest says of its artifacts and its reference; None where it is none of a bundle."""
    try:
        told = json_text.read(folder / MANIFEST, MAX_MANIFEST_BYTES, "a manifest", "")
    except InputError:
        return None
    artifacts = told.get("artifacts") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(artifacts, list) or "reference" not in told:
        return None
    return [*artifacts, told["reference"]]
