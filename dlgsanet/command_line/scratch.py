"""One temporary folder for a whole verb, whoever makes files in it: our own code, libraries, child processes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlgsanet.storage.ownership import remove, sweep, temporary_name

_SETTING = "TMPDIR"  # what Python and most libraries look at first, on every system


@contextmanager
def scratch_folder() -> Iterator[None]:
    """While the block runs, temporary files of this process and its children lie in a folder of its own, which goes
    with it; what killed processes left of theirs goes, too. Without a place for it nothing changes."""
    before = os.environ.get(_SETTING), tempfile.tempdir
    try:
        root = Path(tempfile.gettempdir())
        sweep(root)
        place = root / temporary_name()
        place.mkdir(mode=0o700)
    except OSError:  # who needs one will say so
        yield
        return
    os.environ[_SETTING] = tempfile.tempdir = str(place)
    try:
        yield
    finally:
        tempfile.tempdir = before[1]
        os.environ.pop(_SETTING)
        if before[0] is not None:
            os.environ[_SETTING] = before[0]
        remove(place)
