"""Standard output and error that may be closed, full, or read by somebody who has left.

A verb that works goes on: what nobody takes is dropped. Only a result that a full disk did not take is a failure, and
one that was asked for on a standard output that was closed (`put_text`, `put_bytes`); lines for people are not.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_LEFT = (errno.EPIPE, errno.EINVAL, errno.ECONNRESET)  # Windows says EINVAL of a pipe whose reader has left


class PatientStream(io.TextIOWrapper):
    """A stream that takes everything; `refused` is the first reason why it could not pass it on. `nowhere`: it was
    closed by who started us."""

    refused: OSError | None = None
    nowhere: bool = False

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self.give_up(error)
        return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self.give_up(error)

    def give_up(self, error: OSError) -> None:
        """From now on everything goes nowhere, also what is still held back here, and what native code prints."""
        self.refused = self.refused or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def put_bytes(data: bytes) -> None:
    """A result that is no text, to standard output."""
    sys.stdout.flush()
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        if not isinstance(sys.stdout, PatientStream):
            raise
        sys.stdout.give_up(error)
    _refuse_closed()


def put_text(text: str) -> None:
    """A result for programs, to standard output."""
    sys.stdout.write(text)
    _refuse_closed()


def put_json(value: object) -> None:
    """The same of JSON data."""
    import json  # an overview of the verbs is to start without

    put_text(json.dumps(value, indent=2) + "\n")


def is_nowhere() -> bool:
    """Whether standard output was closed by who started us."""
    return isinstance(sys.stdout, PatientStream) and sys.stdout.nowhere


def _refuse_closed() -> None:
    """What was put is lost, and somebody asked for it."""
    if isinstance(sys.stdout, PatientStream) and is_nowhere():
        sys.stdout.give_up(OSError(errno.EBADF, "it is closed"))


@contextmanager
def patient_streams() -> Iterator[PatientStream | None]:
    """While the block runs, writing to standard output and error never raises. Gives what standard output became, or
    None where it is somebody else's, as under a test."""
    closed = sys.stdout is None
    _fill_closed_descriptors()
    before = sys.stdout, sys.stderr
    made = _patient(sys.stdout, sys.stdout if closed else sys.__stdout__), _patient(sys.stderr, sys.__stderr__)
    if made[0] is not None:
        made[0].nowhere = closed
    sys.stdout, sys.stderr = (new or old for new, old in zip(made, before, strict=True))
    try:
        yield made[0]
    finally:
        sys.stdout, sys.stderr = before
        for new in made:
            if new is not None:
                new.flush()
                new.detach()  # else the end of the new one would close what the old one still has


def lost(output: PatientStream | None) -> str | None:
    """Why a result was not written, in a line; None where all of it was, or where its reader wanted no more."""
    if output is None:
        return None
    output.flush()
    if output.refused is None or output.refused.errno in _LEFT:
        return None
    what = f"cannot write to the standard output: {output.refused.strerror}"
    if output.nowhere:
        return f"{what}, and the result went nowhere; send it to a file or a program"
    return f"{what}; what was printed is not whole, choose a place with free space"


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


def _patient(stream: TextIO, original: TextIO | None) -> PatientStream | None:
    """The same stream, patient, where it is the process's own."""
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return None
    stream.flush()
    return PatientStream(
        stream.buffer,
        encoding=stream.encoding,
        errors="backslashreplace",  # a file's name that the terminal cannot show is no failure
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
