"""Standard output and error that may be closed, full, or read by somebody who has left.

A verb that works goes on: what nobody takes is dropped. Only a result that a full disk did not take is a failure.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

_LEFT = (errno.EPIPE, errno.EINVAL, errno.ECONNRESET)  # Windows says EINVAL of a pipe whose reader has left


class Outlet(io.RawIOBase):
    """Where bytes go as long as they can; `refused` is the first reason why they could not."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.refused: OSError | None = None

    def write(self, data: bytes) -> int | None:  # type: ignore[override]  # any buffer, as its base class has it
        """All of `data` counts as written once something was refused."""
        if self.refused is None:
            try:
                return self._raw.write(data)
            except OSError as error:
                self.refused = error
        return len(data)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()


@contextmanager
def patient_streams() -> Iterator[Outlet | None]:
    """While the block runs, writing to standard output and error never raises. Gives what standard output became, or
    None where it is somebody else's, as under a test."""
    _fill_closed_descriptors()
    before = sys.stdout, sys.stderr
    made = _patient(sys.stdout, sys.__stdout__), _patient(sys.stderr, sys.__stderr__)
    sys.stdout, sys.stderr = (new[1] if new else old for new, old in zip(made, before, strict=True))
    try:
        yield made[0][0] if made[0] else None
    finally:
        for new in made:
            if new is not None:
                new[1].flush()
        sys.stdout, sys.stderr = before


def lost(outlet: Outlet | None) -> str | None:
    """Why a result was not written, in a line; None where all of it was, or where its reader wanted no more."""
    if outlet is None:
        return None
    sys.stdout.flush()
    if outlet.refused is None or outlet.refused.errno in _LEFT:
        return None
    return (
        f"cannot write to the standard output: {outlet.refused.strerror}; what was printed is not whole, "
        "choose a place with free space"
    )


def _fill_closed_descriptors() -> None:
    """Open what was closed by who started us: the next file would get its number, and with it all that is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  (until the end)


def _patient(stream: TextIO, original: TextIO | None) -> tuple[Outlet, io.TextIOWrapper] | None:
    """The same stream over an Outlet, where it is the process's own."""
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return None
    stream.flush()
    raw = cast(io.RawIOBase, getattr(stream.buffer, "raw", stream.buffer))
    outlet = Outlet(raw)
    buffer = io.BufferedWriter(outlet)  # type: ignore[type-var]  # the types want a file; any raw stream will do
    return outlet, io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",  # a file's name that the terminal cannot show is no failure
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
