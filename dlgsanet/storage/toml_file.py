"""Settings that people write: TOML files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dlgsanet.errors import InputError, shown
from dlgsanet.storage.regular import read_regular

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 1 << 20
MAX_DEPTH = 16


def read_toml(path: str | Path) -> dict[str, Any]:
    """The content of a file. Raises InputError where it cannot be read or is no TOML, naming the line, and for what
    no setting can be: a NUL character, tables inside each other without end."""
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n")  # as editors of Windows write
    except OSError as error:
        raise InputError(f"cannot read the configuration {path} ({error.strerror}): check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read the configuration {path} ({error}): save it as UTF-8") from error
    try:
        content = tomllib.loads(text)
        _require_sound(content, MAX_DEPTH)
    except RecursionError as error:
        raise InputError(f"expected TOML in {path}, found values nested without end: correct it") from error
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        raise InputError(f"expected TOML in {path}, found an error: {error}") from error
    return content


def _require_sound(value: object, depth: int) -> None:
    if depth == 0:
        raise ValueError("values nested without end")
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"a NUL character in {shown(value)}")
    if isinstance(value, dict):
        for key, item in value.items():
            _require_sound(key, depth)
            _require_sound(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _require_sound(item, depth - 1)
