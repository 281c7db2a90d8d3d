"""Result files, schema 2: what `check` and `bench` write and `report` reads, on any machine, from anybody.

The dataclasses are the schema. Numbers that were not measured are null, and then `gate` says why. Files of schema 1
are read, too (benchmarks/records/schema1.py).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Final, Literal, TypeVar

from benchmarks.records.accuracy import AccuracyRecord, DatasetNote
from benchmarks.records.environment import Environment
from benchmarks.records.inside import BlockRecord, DiagnosisRecord, RungRecord
from benchmarks.records.latency import JobRecord, LatencyRecord, LimitRecord, PlaneRecord, RatioRecord
from benchmarks.records.made_of import KernelRecord, LayersRecord
from benchmarks.records.pictures import Crop, ErrorMap
from benchmarks.records.schema1 import upgraded
from dlgsanet.command_line.streams import put_text
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import require_replaceable, require_writable_folder, write_text
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.regular import read_regular
from dlgsanet.storage.typed_json import decode, encode

SCHEMA: Final = 2
STDOUT = Path("-")
"""In the place of a file: print the result."""

ADVICE = "measure again"
MAX_BYTES = 256 << 20  # a file of ours has a few megabytes; more would only fill the memory


Record = (
    AccuracyRecord
    | LatencyRecord
    | RatioRecord
    | LimitRecord
    | PlaneRecord
    | JobRecord
    | RungRecord
    | DiagnosisRecord
    | BlockRecord
    | KernelRecord
    | LayersRecord
)


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class ResultFile:
    """One measurement on one machine; `created` is UTC, ISO 8601."""

    schema: Literal[2]
    created: str
    environment: Environment
    records: tuple[Record, ...]
    datasets: tuple[DatasetNote, ...] = ()
    crops: tuple[Crop, ...] = ()
    error_maps: tuple[ErrorMap, ...] = ()

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """The records of one kind."""
        return tuple(record for record in self.records if isinstance(record, kind))


def kind_of(record: type[Record]) -> str:
    """The word for a kind of record: its `kind`."""
    return str(next(it.default for it in fields(record) if it.name == "kind"))


def figure(record: Record) -> tuple[object, ...]:
    """What a record says something of: of two with the same, the newer stands."""
    return record.kind, *(getattr(record, name) for name in record.FIGURE)


def new_result(
    environment: Environment,
    records: tuple[Record, ...],
    datasets: tuple[DatasetNote, ...] = (),
    crops: tuple[Crop, ...] = (),
    error_maps: tuple[ErrorMap, ...] = (),
) -> ResultFile:
    """A result of this schema, made now."""
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ResultFile(SCHEMA, created, environment, records, datasets, crops, error_maps)


def require_place(path: str | Path) -> None:
    """Refuse a place for --json before hours of measuring instead of after. Raises InputError.

    No file can be written there, or one stands there that is no result file: it would be lost, be it an image
    or the manifest of a bundle.
    """
    place = Path(path)
    if place == STDOUT:
        return
    require_replaceable(place)
    require_writable_folder(place.absolute().parent)
    if place.is_file() and place.stat().st_size and not _is_result(place):
        raise InputError(f"{place} holds something other than a result file and would be lost; choose another name")


def _is_result(place: Path) -> bool:
    """Whether a file looks like a result file of any schema."""
    try:
        value = parse(read_regular(place, MAX_BYTES), place.name, ADVICE)
    except (InputError, OSError):
        return False
    return isinstance(value, dict) and {"schema", "environment", "records"} <= value.keys()


def write_result(path: str | Path, result: ResultFile) -> None:
    """Write a result file, atomically, or print it. Raises InputError if the place cannot be written, ValueError for
    NaN."""
    if Path(path) == STDOUT:
        put_text(encode(result))
    else:
        write_text(path, encode(result))


def read_result(path: str | Path) -> ResultFile:
    """Read and check a result file. Raises InputError in one line: unreadable, not JSON, another schema,
    wrong."""
    place = Path(path)
    try:
        data = read_regular(place, MAX_BYTES)
    except OSError as error:
        raise InputError(f"cannot read the result file {place}: {error.strerror}; check the path") from error
    return parse_result(data, place.name)


def parse_result(data: str | bytes, name: str) -> ResultFile:
    """The result file in `data`; `name` is what errors call it. Raises InputError."""
    value = parse(data, name, ADVICE)
    schema = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(value, dict) or type(schema) is not int:
        raise InputError(f"expected a result file of `check --json` or `bench --json`, found something else in {name}")
    if schema == 1:
        value, schema = upgraded(value), SCHEMA
    if schema != SCHEMA:  # before anything else: another schema may have any fields
        todo = "update dlgsanet-edge" if schema > SCHEMA else "measure again"
        raise InputError(f"expected result schema {SCHEMA} in {name}, found {schema}; {todo}")
    return decode(ResultFile, value, name)
