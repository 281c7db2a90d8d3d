"""What a fleet does: every picture and video of a source, the name of its result, and which of them are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import suffixes_read
from runtimes.upscale.fleet.store import StoredFile
from runtimes.upscale.targets import PictureSource, named_in_folder
from runtimes.upscale.video.codecs import CONTAINERS

PIECES_OF_AN_ACTOR, BYTES_OF_A_PIECE = 4, 1 << 18
"""See `cut`."""


@dataclass(frozen=True)
class FleetItem:
    """One file of the source store and its result in the target store, both by name; `size` in bytes. Of a film that
    is cut into `pieces`: the one of number `piece`."""

    source: str
    target: str
    size: int
    piece: int = 0
    pieces: int = 1

    @property
    def key(self) -> str:
        """No other piece of work has it."""
        return self.target if self.pieces == 1 else f"{self.target}#{self.piece}"

    def row(self) -> dict[str, object]:
        """For an actor."""
        return {"source": self.source, "target": self.target, "piece": self.piece, "pieces": self.pieces}


def item_of(row: Mapping[str, Any]) -> FleetItem:
    """The item of a row."""
    return FleetItem(row["source"], row["target"], 0, int(row.get("piece", 0)), int(row.get("pieces", 1)))


def list_items(found: Iterable[StoredFile], source: str, form: str | None, scale: int) -> list[FleetItem]:
    """What can be upscaled among the files, named as `upscale` names what it makes of a folder.

    Raises InputError: nothing to do, or two files whose results would have one name.
    """
    read = (*suffixes_read(), *CONTAINERS)
    wanted = {_name(one, source): one for one in found if _name(one, source).lower().endswith(read)}
    if not wanted:
        raise InputError(f"expected pictures or videos below '{source}', found none; correct the place")
    films = {name for name in wanted if is_film(name)}
    sources = [PictureSource(Path(name), Path(name).parent) for name in wanted if name not in films]
    named = named_in_folder(sources, Path(), form, scale)
    items = [_item(wanted[one.path.as_posix()], target.as_posix()) for target, one in named.items()]
    items += [_item(wanted[name], _film(name, scale)) for name in sorted(films)]
    return items


def missing(items: Sequence[FleetItem], there: Iterable[StoredFile]) -> list[FleetItem]:
    """The items whose results are not in the target store."""
    names = {one.name for one in there}
    return [item for item in items if item.target not in names]


def cut(items: Sequence[FleetItem], at_once: int) -> list[FleetItem]:
    """The same work with films in pieces, at equal distances among the pictures.

    More pieces than actors, since some take longer; not many more, since each decodes what is before it, too: a film in
    N pieces is decoded N / 2 times. A piece of a small file would be no segment.
    """
    pictures = [item for item in items if not is_film(item.target)]
    films = [item for item in items if is_film(item.target)]
    pieces = [replace(film, piece=i, pieces=many) for film in films for many in [_pieces(film, at_once)]
              for i in range(many)]  # fmt: skip
    at = [(i * len(pictures) / len(pieces), 0, piece) for i, piece in enumerate(pieces)]
    among = [(float(i), 1, item) for i, item in enumerate(pictures)]
    return [item for _, _, item in sorted([*at, *among], key=lambda it: it[:2])]


def _pieces(film: FleetItem, at_once: int) -> int:
    return max(1, min(PIECES_OF_AN_ACTOR * at_once, -(-film.size // BYTES_OF_A_PIECE)))


def is_film(name: str) -> bool:
    """Whether a file is one, by its name."""
    return name.lower().endswith(tuple(CONTAINERS))


def _item(stored: StoredFile, target: str) -> FleetItem:
    return FleetItem(stored.name, target, stored.size)


def _name(stored: StoredFile, source: str) -> str:
    """A store that is one file has no name below itself."""
    return stored.name or PurePosixPath(source).name


def _film(name: str, scale: int) -> str:
    path = PurePosixPath(name)
    return (path.parent / f"{path.stem}_x{scale}{path.suffix.lower()}").as_posix()
