"""The record of a fleet: one line of JSON for every file, behind those of earlier runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from dlgsanet.errors import InputError
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.typed_json import decode
from runtimes.upscale.fleet.items import is_film

DONE, THERE, FAILED, ELSEWHERE = "done", "there", "failed", "elsewhere"

JOINED = "joined"
"""Of a film's piece: after it the whole film was there. Never written."""

NOT_ONE_KIND = (
    "its segments were made by machines with other versions of the engine or of PyAV, and make no one film: install "
    "the same everywhere"
)


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file. `status`: done, there (another run or actor had made it), failed, or elsewhere (not
    here, for a reason of the machine; never written). `megapixels`: of the source; of a film, of the frames that this
    run computed. `seconds`: fetching, computing and writing, all attempts; of a film, by all machines, which `machine`
    names."""

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


def of_all_pieces(pieces: Sequence[FileOutcome]) -> FileOutcome:
    """What became of a file, from its pieces. A film is done where one of them joined it; where all are there and none
    could, segments of several kinds are there."""
    first, status = pieces[0], {one.status for one in pieces}
    if status == {THERE}:
        return first
    failed = next((one for one in pieces if one.status == FAILED), None)
    ok = bool(status & {JOINED, THERE}) or not (failed or is_film(first.target))
    return replace(
        next((one for one in pieces if one.artifact), first),
        status=DONE if ok else FAILED,
        machine=", ".join(sorted({one.machine for one in pieces if one.machine})),
        seconds=round(sum(one.seconds for one in pieces), 3),
        megapixels=round(sum(one.megapixels for one in pieces), 3),
        attempts=max(one.attempts for one in pieces),
        reason="" if ok else failed.reason if failed else NOT_ONE_KIND,
    )


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
