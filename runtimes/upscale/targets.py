"""What the outputs of `upscale` are called: every name is known, and free, before the first pixel."""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError
from dlgsanet.imaging import files as imaging
from dlgsanet.imaging.files import folders_within, images_in, list_images
from dlgsanet.imaging.formats import heif, jpeg, png, tiff
from dlgsanet.imaging.formats.headers import is_webp
from runtimes.upscale.options import UpscaleOptions

SUFFIXES = {
    "png": (".png",),
    "jpg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "webp": (".webp",),
    "tiff": (".tiff", ".tif"),
}
"""Of the formats that are written; the first is the usual one."""

_WRITTEN = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})
_PICTURES = frozenset((*imaging.SUFFIXES, *imaging.OTHER_SUFFIXES, *itertools.chain(*heif.SUFFIXES.values())))
_LONGEST_NAME = 255  # bytes, on most file systems
_HEAD = 64  # bytes that tell a format


@dataclass(frozen=True)
class PictureSource:
    """A picture to upscale; `below`: its folder, seen from the folder that was given."""

    path: Path
    below: Path = Path()


def list_sources(inputs: Sequence[Path], output: Path) -> list[PictureSource]:
    """The pictures meant by files and folders, in depth, in order; those of an output folder within are none.

    Raises InputError: missing, or a folder without any.
    """
    found: list[PictureSource] = []
    for path in inputs:
        if not path.is_dir():
            found.append(PictureSource(path))
            continue
        inside = [
            PictureSource(picture, place.relative_to(path))
            for place in folders_within(path, output)
            for picture in images_in(place)
        ]
        found += inside or [PictureSource(picture) for picture in list_images(path)]  # which says why there is none
    if not found:
        raise InputError("expected image files or folders to upscale, found none")
    return found


def format_of(path: Path) -> str:
    """The key of SUFFIXES that holds a file's kind of picture; `png` for all that is not written, or not read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD) if path.is_file() else b""
    except OSError:
        return "png"
    if head.startswith(jpeg.SIGNATURE):
        return "jpg"
    if head.startswith(tiff.SIGNATURES):
        return "tiff"
    return "webp" if is_webp(head) and not head.startswith(png.SIGNATURE) else "png"


def name_targets(sources: Sequence[PictureSource], options: UpscaleOptions, scale: int) -> dict[Path, PictureSource]:
    """Output -> the picture that it is made of: `<stem>_x<scale><suffix>` in the same folders as the inputs, or the
    file that `--output` names for one picture. Pictures whose names differ in their suffix alone keep it.

    Raises InputError for names that are one on some file system, that are an input, that are too long, and for a folder
    that is called like a picture.
    """
    require_format(options)
    _require_folder(options)
    if names_a_file(options):
        targets = {options.output: sources[0]}
    else:
        targets = named_in_folder(sources, options.output, options.form, scale)
    if options.skip_existing:  # what an earlier run made beside its inputs is no input
        made = {target.resolve() for target in targets}
        targets = {target: source for target, source in targets.items() if source.path.resolve() not in made}
    inputs = {source.path.resolve() for source in targets.values()}
    for target in [target for target in targets if target.resolve() in inputs]:
        raise InputError(f"'{target}' is an input and would be overwritten; choose another output folder")
    for target in targets:
        if len(os.fsencode(target.name)) > _LONGEST_NAME:
            raise InputError(
                f"expected names of at most {_LONGEST_NAME} bytes, found '{target.name}'; rename its input"
            )
    return targets


def require_format(options: UpscaleOptions) -> None:
    """Refuse a format that is not written, or that is not the one of the file named. Raises InputError."""
    form = options.form
    require_known(form)
    if names_a_file(options) and form is not None:
        wanted = format_of(options.inputs[0]) if form == "same" else form
        if options.output.suffix.lower() not in SUFFIXES[wanted]:
            raise InputError(f"--format {form} does not fit '{options.output.name}'; leave it out")
    kinds = ("jpg", "webp", "same")
    named = names_a_file(options) and options.output.suffix.lower() in (*SUFFIXES["jpg"], *SUFFIXES["webp"])
    if options.quality is not None and form not in kinds and not named:
        raise InputError("--quality is for JPEG and WebP; give --format jpg, webp or same, too")
    other = names_a_file(options) and options.output.suffix.lower() not in SUFFIXES["png"]
    if options.compression is not None and (form not in (None, "png", "same") or other):
        raise InputError("--compression is for PNG; leave it out, or give --format png")


def require_known(form: str | None) -> None:
    """Refuse a format that is not written. Raises InputError."""
    if form is not None and form != "same" and form not in SUFFIXES:
        raise InputError(f"expected --format same, {', '.join(SUFFIXES)}, found '{form}'")


def names_a_file(options: UpscaleOptions) -> bool:
    """Whether the output is the file of the one picture, and no folder."""
    one = len(options.inputs) == 1 and not options.inputs[0].is_dir()
    return one and options.output.suffix.lower() in _WRITTEN and not options.output.is_dir()


def _require_folder(options: UpscaleOptions) -> None:
    """Refuse what would be a new folder `big.bmp`, or `big.png` for several pictures. Raises InputError."""
    output = options.output
    if output.suffix.lower() in _PICTURES and not output.is_dir() and not names_a_file(options):
        raise InputError(
            f"expected a folder for the outputs, or for one picture a file in {' '.join(sorted(_WRITTEN))}, found "
            f"'{output}'; give another -o"
        )


def named_in_folder(
    sources: Sequence[PictureSource], output: Path, form: str | None, scale: int
) -> dict[Path, PictureSource]:
    """Output -> picture, in the folders of the inputs below `output`. Looks at files only for the format `same`.

    Raises InputError for two pictures whose outputs would have one name.
    """
    taken: dict[str, tuple[Path, PictureSource]] = {}
    names = {(source.below, source.path.name) for source in sources}
    stems = Counter(_folded(below / Path(name).stem) for below, name in names)
    for source in sources:
        path = source.path
        stem = path.name if stems[_folded(source.below / path.stem)] > 1 else path.stem
        target = output / source.below / f"{stem}_x{scale}{_suffix(path, form)}"
        key = _folded(target)
        if key in taken:
            before, other = taken[key]
            why = "" if before == target else ", which is one name where case or the form of letters is not told apart"
            raise InputError(
                f"'{other.path}' and '{path}' would both become '{target}'{why}; rename one, or use two folders"
            )
        taken[key] = (target, source)
    return dict(taken.values())


def _suffix(path: Path, form: str | None) -> str:
    """Of the output: the input's own where it says the format already."""
    kind = format_of(path) if form == "same" else form or "png"
    own = path.suffix
    return own if form == "same" and own.lower() in SUFFIXES[kind] and own.lower() in _WRITTEN else SUFFIXES[kind][0]


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())
