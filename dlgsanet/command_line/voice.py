"""How a verb speaks: on stderr while it works, on stdout what it found."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dlgsanet.command_line.progress import OnStep, bar, every_step, lines_in_log
from dlgsanet.errors import visible


@dataclass(frozen=True)
class Voice:
    """`quiet`: errors only. `verbose`: details, and a line for every step in place of a bar."""

    quiet: bool = False
    verbose: bool = False

    def note(self, line: str) -> None:
        """Something that the user should know."""
        if not self.quiet:
            sys.stderr.write(f"{visible(line)}\n")
            sys.stderr.flush()

    def detail(self, line: str) -> None:
        """Something for those who asked for more."""
        if self.verbose:
            self.note(line)

    @contextmanager
    def progress(self, total: int | None = None, *, beating: bool = True) -> Iterator[OnStep]:
        """A function to be called before each of `total` pieces of work (unknown if None) with what comes now.

        On a terminal there is a bar with the time left. Elsewhere there is a line every few seconds, or if `verbose`
        one for every step. `beating=False` is for work that is being timed: no thread runs beside it.
        """
        if self.quiet:
            yield lambda doing: None
        elif self.verbose:
            yield every_step(self.note)
        elif sys.stderr.isatty():
            with bar(total) as step:
                yield step
        else:
            with lines_in_log(total, self.note, beating=beating) as step:
                yield step


PLAIN = Voice()
"""How a verb speaks when nothing was asked for."""


def tell(*lines: str) -> None:
    """Lines of a result, on stdout."""
    sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))
