"""Settings that people write: TOML files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dlgsanet.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: str | Path) -> dict[str, Any]:
    """The content of a file. Raises InputError where it cannot be read or is no TOML, naming the line."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the configuration {path} ({error}): check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"expected TOML in {path}, found an error: {error}") from error
