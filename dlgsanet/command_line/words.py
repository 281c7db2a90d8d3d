"""What is typed for an option, where it is more than typer itself reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from dlgsanet.errors import InputError


@dataclass(frozen=True)
class Words:
    """Beside typer's own annotation of a field: each word becomes `read(word)`, which may raise InputError.

    With `commas`, for a tuple of values, a word may also be a list: `--to ort,ov`.
    """

    read: Callable[[str], object] = str
    commas: bool = False

    def values(self, words: Iterable[str]) -> tuple[object, ...]:
        """The values of all words, in their order; nothing between two commas is no word. Raises InputError for a list
        of nothing."""
        return tuple(self.read(part) for word in words for part in self._parts(word))

    def _parts(self, word: str) -> list[str]:
        if not self.commas:
            return [word]
        if not (parts := [part for it in word.split(",") if (part := it.strip())]) and word:
            raise InputError(f"expected values between commas, found {word!r}: name one, or leave the option out")
        return parts


def completing(names: Collection[str]) -> Callable[[str], list[str]]:
    """For typer's `autocompletion`: the names that go on from what stands there, also after a comma."""

    def complete(incomplete: str) -> list[str]:
        before, comma, begun = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in names if name.startswith(begun)]

    return complete


def read_tile(text: str, other: str = "") -> tuple[int, int]:
    """`128` or `128x96` (H x W) as (H, W); `other` is what else may stand there. Raises InputError for anything else,
    or a side below 1."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.lstrip("+-").isdigit() for part in parts):
        more = f" or {other}" if other else ""
        raise InputError(f"expected a tile such as 128, 128x96 (height x width){more}, found {text!r}: correct --tile")
    sides = [int(part) for part in parts]
    if min(sides) < 1:
        raise InputError(f"expected a tile of at least 1x1 LR pixels, found {text}: give --tile 128 or 128x96")
    return sides[0], sides[-1]
