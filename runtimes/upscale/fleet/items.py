"""What a fleet does: every picture and video of a source, the name of its result, and which of them are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import suffixes_read
from runtimes.upscale.fleet.store import StoredFile
from runtimes.upscale.targets import PictureSource, named_in_folder
from runtimes.upscale.video.codecs import CONTAINERS


@dataclass(frozen=True)
class FleetItem:
    """One file of the source store and its result in the target store, both by name; `size` in bytes."""

    source: str
    target: str
    size: int


def list_items(found: Iterable[StoredFile], source: str, form: str | None, scale: int) -> list[FleetItem]:
    """What can be upscaled among the files, named as `upscale` names what it makes of a folder.

    Raises InputError: nothing to do, or two files whose results would have one name.
    """
    pictures, videos = suffixes_read(), tuple(CONTAINERS)
    wanted = {_name(one, source): one for one in found if _name(one, source).lower().endswith((*pictures, *videos))}
    if not wanted:
        raise InputError(f"expected pictures or videos below '{source}', found none; correct the place")
    films = {name for name in wanted if name.lower().endswith(videos)}
    sources = [PictureSource(Path(name), Path(name).parent) for name in wanted if name not in films]
    named = named_in_folder(sources, Path(), form, scale)
    items = [_item(wanted[one.path.as_posix()], target.as_posix()) for target, one in named.items()]
    items += [_item(wanted[name], _film(name, scale)) for name in sorted(films)]
    return items


def missing(items: Sequence[FleetItem], there: Iterable[StoredFile]) -> list[FleetItem]:
    """The items whose results are not in the target store."""
    names = {one.name for one in there}
    return [item for item in items if item.target not in names]


def _item(stored: StoredFile, target: str) -> FleetItem:
    return FleetItem(stored.name, target, stored.size)


def _name(stored: StoredFile, source: str) -> str:
    """A store that is one file has no name below itself."""
    return stored.name or PurePosixPath(source).name


def _film(name: str, scale: int) -> str:
    path = PurePosixPath(name)
    return (path.parent / f"{path.stem}_x{scale}{path.suffix.lower()}").as_posix()
