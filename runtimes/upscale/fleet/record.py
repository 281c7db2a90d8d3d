"""The record of a fleet: one line of JSON for every file, behind those of earlier runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from dlgsanet.errors import InputError
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.typed_json import decode

DONE, THERE, FAILED, ELSEWHERE = "done", "there", "failed", "elsewhere"


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file. `status`: done, there (another run or actor had made it), failed, or elsewhere (not
    here, for a reason of the machine; never written). `megapixels`: of the source. `seconds`: fetching, computing and
    writing by one actor, all attempts."""

    source: str
    target: str
    status: str
    artifact: str
    precision: str
    machine: str
    seconds: float
    megapixels: float = 0.0
    attempts: int = 1
    reason: str = ""


@contextmanager
def recording(path: Path) -> Iterator[Callable[[FileOutcome], None]]:
    """Write outcomes as they come. Raises InputError for the place."""
    try:
        stream: IO[str] = path.open("a", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the record to '{path}': {error.strerror}; give --record FILE") from error
    with stream:

        def write(outcome: FileOutcome) -> None:
            stream.write(json.dumps(asdict(outcome)) + "\n")
            stream.flush()

        yield write


def read_record(path: Path) -> list[FileOutcome]:
    """The outcomes of all runs, but for a last line that a killed driver left unfinished. Raises InputError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the record '{path}': {error}; give what `upscale --ray` wrote") from error
    lines = text.split("\n")[:-1]
    advice = "give what `upscale --ray` wrote"
    return [
        decode(FileOutcome, parse(line, f"{path}:{i + 1}", advice), f"{path}:{i + 1}", advice)
        for i, line in enumerate(lines)
    ]
