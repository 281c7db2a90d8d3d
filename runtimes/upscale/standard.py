"""`-`: one picture from standard input or to standard output; on the way it is a file in a folder of its own."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from dlgsanet.command_line.streams import is_nowhere, put_bytes
from dlgsanet.errors import InputError
from dlgsanet.imaging.limits import TooLargeError, bound_text, require_file_bytes
from dlgsanet.storage.ownership import remove, sweep, temporary_name
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.targets import SUFFIXES, format_of, names_a_file, require_known
from runtimes.upscale.video.sniff import is_video

DASH = Path("-")
"""In the place of an input or of the output; a file of this name has an absolute path, too."""

_INPUT = "standard input"  # the file's name, and what errors call it
_PIECE = 1 << 20


@contextmanager
def through_files(options: UpscaleOptions) -> Iterator[UpscaleOptions]:
    """The same options with files in the places of `-`. What was made of the picture goes to standard output when the
    block has succeeded. Raises InputError for what cannot be streamed: several pictures, videos, too many bytes.
    """
    if DASH not in (*options.inputs, options.output):
        yield options
        return
    _require_streamable(options)
    with _folder() as place:
        source = options.inputs[0]
        if source == DASH:
            source = place / _INPUT
            _receive(source)
        if is_video(source):
            raise InputError("expected a picture, found a video: it is read more than once; give files, not -")
        given = replace(options, inputs=(source,))
        if options.output == DASH:
            kind = format_of(source) if options.form in (None, "same") else str(options.form)
            given = replace(given, output=place / f"output{SUFFIXES[kind][0]}", form=None)
        try:
            yield given
        except InputError as error:
            raise InputError(str(error).replace(str(place / _INPUT), _INPUT)) from error
        if options.output == DASH and given.output.exists():
            put_bytes(given.output.read_bytes())


def _require_streamable(options: UpscaleOptions) -> None:
    """Refuse what `-` cannot mean, before anything is read."""
    require_known(options.form)
    if len(options.inputs) != 1 or options.inputs[0].is_dir():
        raise InputError("expected one picture where - stands for it, found several or a folder; give one")
    if options.as_json:
        raise InputError("--json tells of files: leave it out with -")
    if options.output != DASH and not names_a_file(options):
        raise InputError(f"a picture from {_INPUT} has no name: give -o a file such as big.png, or - for the output")
    if options.output == DASH and is_nowhere():
        raise InputError("the picture would go nowhere: the standard output is closed; send it to a file or a program")
    if options.output == DASH and sys.stdout.isatty():
        raise InputError("the picture would go to the terminal: send the output to a file or a program")


def _receive(path: Path) -> None:
    """Keep standard input in a file. Raises InputError for more bytes than a picture within the bound has."""
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None or stream.isatty():
        raise InputError(f"expected a picture on the {_INPUT}, found nothing there; send one from a file or a program")
    size = 0
    with path.open("wb") as kept:
        while piece := stream.read(_PIECE):
            size += len(piece)
            try:
                require_file_bytes(size)
            except TooLargeError as error:
                raise InputError(
                    f"expected a picture of at most {bound_text()} (--max-megapixels) on the {_INPUT}, found more than "
                    f"{error}; allow more"
                ) from error
            kept.write(piece)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for this process alone; what killed ones left goes."""
    place = Path(tempfile.gettempdir(), temporary_name())
    sweep(place.parent)
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        remove(place)
