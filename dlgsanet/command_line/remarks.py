"""Libraries that write remarks straight to the process's stderr, and know no other place, are kept from doing so."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOCK = threading.Lock()


@contextmanager
def without_remarks(remark: re.Pattern[bytes]) -> Iterator[None]:
    """While the block runs, lines on stderr that are a `remark` are lost. One block at a time in the process. What
    others write to stderr meanwhile is written again at the end."""
    with _LOCK:
        try:
            stderr = os.dup(2)
        except OSError:  # there is none to guard
            yield
            return
        with tempfile.TemporaryFile() as kept:
            os.dup2(kept.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(stderr, 2)
                os.close(stderr)
                kept.seek(0)
                others = [line for line in kept.readlines() if not remark.fullmatch(line.rstrip(b"\r\n"))]
                with suppress(OSError):
                    os.write(2, b"".join(others))
