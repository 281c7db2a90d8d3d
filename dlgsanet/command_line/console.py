"""The one kind of rich console: what it is given is text, never markup, and never reaches a terminal as a command."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from dlgsanet.errors import visible


class PlainConsole(Console):
    """Shows control characters of foreign names instead of sending them; colours and bars are its own."""

    def __init__(
        self, *, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False, width: int | None = None
    ) -> None:
        super().__init__(
            stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, width=width, markup=False, emoji=False, highlight=False
        )

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Every piece of text on its way to the terminal."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_lines(segment.text))


def _lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))
