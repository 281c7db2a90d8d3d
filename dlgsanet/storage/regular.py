"""Files that others name: only regular ones are read. A pipe would wait for ever, a device may give no end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, "it is a pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
)


def open_regular(path: str | Path) -> BinaryIO:
    """The file, opened for reading bytes. Raises OSError, whose `strerror` says what it is, for anything else."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise OSError(errno.EINVAL, f"it has a name that no file can have ({error})", str(path)) from error
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "it is a device, not a file")
        raise OSError(errno.EINVAL, kind, str(path))
    return os.fdopen(number, "rb")


def read_regular(path: str | Path, most: int) -> bytes:
    """What is in the file. Raises OSError as `open_regular`, and for more than `most` bytes."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        data = b"" if size > most else stream.read((size or most) + 1)  # the system says 0 of what it makes itself
    if max(size, len(data)) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB", str(path))
    return data
