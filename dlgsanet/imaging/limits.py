"""How large a picture may be, judged by what its header announces, before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from dlgsanet.errors import InputError

DEFAULT_MEGAPIXELS = 64
"""Full-frame cameras make 61. Reading takes at most some 30 bytes of memory a pixel: 1.9 GB."""

MaxMegapixels = Annotated[
    float, typer.Option("--max-megapixels", help="Refuse larger pictures, by their headers, before decoding them.")
]
"""The option of every verb that reads pictures of the user's."""

_BYTES_A_PIXEL = 8  # RGBA of 16 bits: no honest file has more
_SLACK = 64 << 20  # bytes of a file beside its pixels: profiles, previews


@dataclass
class _Bound:
    pixels: int


_bound = _Bound(DEFAULT_MEGAPIXELS * 10**6)  # of the whole process, as pictures are read in threads


class TooLargeError(ValueError):
    """A picture beyond the bound; its text says by how much."""


def require_pixels(width: int, height: int) -> None:
    """Raises TooLargeError for more pixels than the bound, ValueError for none."""
    if width < 1 or height < 1:
        raise ValueError(f"it announces {width}x{height} pixels")
    if width * height > _bound.pixels:
        raise TooLargeError(f"{width}x{height} pixels")


def require_file_bytes(size: int) -> None:
    """Raises TooLargeError for a file that is larger than any picture within the bound."""
    if size > _bound.pixels * _BYTES_A_PIXEL + _SLACK:
        raise TooLargeError(f"{size >> 20} MiB")


def most_pixels() -> int:
    """The bound, for decoders that take one."""
    return _bound.pixels


def bound_text() -> str:
    """The bound, for messages."""
    return f"{_bound.pixels / 10**6:g} megapixels"


def key_text() -> str:
    """For names of what is kept from pictures: empty under the default bound."""
    return "" if _bound.pixels == DEFAULT_MEGAPIXELS * 10**6 else f" {bound_text()}"


@contextmanager
def at_most(megapixels: float) -> Iterator[None]:
    """Set the bound for the block, for all threads. Raises InputError for a bound that is none."""
    if not 0 < megapixels < 10**6:
        raise InputError(f"expected --max-megapixels between 0 and 1000000, found {megapixels:g}")
    from PIL import Image  # not at the top: this module is read whenever somebody asks for help

    before, pillow = _bound.pixels, Image.MAX_IMAGE_PIXELS
    _bound.pixels = max(int(megapixels * 10**6), 1)
    Image.MAX_IMAGE_PIXELS = _bound.pixels  # its own bound would refuse what the user allows
    try:
        yield
    finally:
        _bound.pixels, Image.MAX_IMAGE_PIXELS = before, pillow
