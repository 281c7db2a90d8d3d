"""libtiff writes what it dislikes straight to the process's stderr; here it is kept from doing so, as are other
libraries that know no other place for their remarks."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOCK = threading.Lock()
# Module or file (as Pillow calls it for libtiff), then the text.
_MODULES = rb"Decode|TIFF|JPEG|Fax|LZW|ZIP|LZMA|ZSTD|Predictor|Setup|Acc\d|Diff\d|Strip|Required|Dir"
_REMARK = re.compile(rb"(?:\w*(?:" + _MODULES + rb")\w*|tempfile\.tif): .*")


@contextmanager
def silenced(remark: re.Pattern[bytes] = _REMARK) -> Iterator[None]:
    """Without lines that are a `remark`. One block at a time in the process. What others write to stderr meanwhile is
    written again at the end."""
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
