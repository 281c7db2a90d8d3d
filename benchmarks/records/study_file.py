"""Files of studies: what `benchmarks.studies` measures and the pages show. Each study says what is in its file with a
dataclass of its own; all are written and read here, as strictly as result files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from dlgsanet.storage.atomic import write_text
from dlgsanet.storage.json_text import parse, read
from dlgsanet.storage.typed_json import REQUIRED, decode, encode

ADVICE = "run the study again"
MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class StudyFile:
    """What a study's file holds begins with this."""

    schema: Literal[1] = field(default=1, kw_only=True, metadata=REQUIRED)


S = TypeVar("S", bound=StudyFile)


def write_study(path: Path, content: StudyFile) -> None:
    """Write a study's file, atomically; it is read back first, so that nothing unreadable is ever written.

    Raises InputError if the place cannot be written or a value is not what its dataclass says, ValueError for NaN.
    """
    text = encode(content)
    decode(type(content), parse(text, path.name, ADVICE), path.name, ADVICE)
    write_text(path, text)


def read_study(kind: type[S], path: Path) -> S:
    """The file of one study. Raises InputError in one line: unreadable, not JSON, of another study, wrong."""
    return decode(kind, read(path, MAX_BYTES, "the file of a study", ADVICE), path.name, ADVICE)
