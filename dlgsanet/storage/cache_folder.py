"""Where the project keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """The project's folder in the user's cache: $XDG_CACHE_HOME or ~/.cache. It need not exist, and nothing is made."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  (never raises)
    return Path(home) / "dlgsanet"
