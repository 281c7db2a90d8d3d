"""libtiff writes what it dislikes straight to the process's stderr; here it is kept from doing so."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager

from dlgsanet.command_line.remarks import without_remarks

# Module or file (as Pillow calls it for libtiff), then the text.
_MODULES = rb"Decode|TIFF|JPEG|Fax|LZW|ZIP|LZMA|ZSTD|Predictor|Setup|Acc\d|Diff\d|Strip|Required|Dir"
_REMARK = re.compile(rb"(?:\w*(?:" + _MODULES + rb")\w*|tempfile\.tif): .*")


def silenced() -> AbstractContextManager[None]:
    """Without libtiff's lines while the block runs (see `without_remarks`)."""
    return without_remarks(_REMARK)
