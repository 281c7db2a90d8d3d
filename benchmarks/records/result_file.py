"""Result files, schema 1: what `check` and `bench` write and `report` reads, on any machine, from anybody.

The dataclasses are the schema. Numbers that were not measured are null, and then `gate` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from benchmarks.gates.accuracy_gates import GateName
from benchmarks.records import png_text, typed_json
from benchmarks.records.environment import Environment
from benchmarks.records.inside import (
    BlockRecord,
    DiagnosisRecord,
    ErrorMap,
    KernelRecord,
    LayersRecord,
    LimitRecord,
    RungRecord,
)
from benchmarks.records.statistics import Order
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import require_replaceable, require_writable_folder, write_text
from runtimes.bundle import strict_json

SCHEMA = 1
MAX_BYTES = 256 << 20  # a file of ours has a few megabytes; more would only fill the memory


@dataclass(frozen=True)
class ImageRow:
    """One image of an accuracy record. `psnr_db` null: equal to HR; `to_reference_db` null: equal to the
    reference."""

    image: str
    psnr_db: float | None
    ssim: float
    drop_db: float
    ssim_drop: float
    to_reference_db: float | None
    identical: bool


@dataclass(frozen=True)
class AccuracyRecord:
    """One artifact on one data set; the means are over the images, the worst is the image with the largest
    |drop|.

    `reference` says what it was compared with. The record of the reference itself (artifact
    `torch-reference-...`) compares it, tiled, with the whole image at once: `tiling_drop_db`, which the
    others of that tile repeat. `mac_shares`: precision -> share of the multiply-adds that the engine says ran in it,
    empty where it does not tell.
    """

    artifact: str
    model: str
    model_sha256: str
    precision: str
    tile: tuple[int, int]
    dataset: str
    protocol: str
    reference: str
    gate: GateName
    reason: str
    psnr_db: float | None = None
    ssim: float | None = None
    drop_db: float | None = None
    ssim_drop: float | None = None
    to_reference_db: float | None = None
    to_reference_worst_db: float | None = None
    identical: bool = False
    tiling_drop_db: float | None = None
    worst_image: str | None = None
    worst_drop_db: float | None = None
    device: str | None = None
    reported_precision: str | None = None
    images: tuple[ImageRow, ...] = ()
    mac_shares: Mapping[str, float] = field(default_factory=dict)
    kind: Literal["accuracy"] = "accuracy"


@dataclass(frozen=True)
class LatencyRecord:
    """One tile through one artifact, end to end on the host. `p50_low_ms`, `p50_high_ms`: the median's 95 %
    interval.

    `load_ms` and `peak_rss_mb` (10^6 bytes) come from a process of its own, the backend's import included.
    `network_macs` are the multiply-adds of the network itself, `lowered_macs` those of the graph; the shares are
    what these would take at the product limit of the engine and precision (LimitRecord), over `p50_ms`. `mac_shares`
    as in AccuracyRecord.
    """

    artifact: str
    model: str
    model_sha256: str
    precision: str
    tile: tuple[int, int]
    gate: GateName
    reason: str
    p50_ms: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    samples_ms: tuple[float, ...] = ()
    load_ms: float | None = None
    peak_rss_mb: float | None = None
    output_megapixels_per_s: float | None = None
    device: str | None = None
    reported_precision: str | None = None
    threads: int | None = None
    note: str = ""
    network_macs: int | None = None
    lowered_macs: int | None = None
    peak_share: float | None = None
    lowered_share: float | None = None
    mac_shares: Mapping[str, float] = field(default_factory=dict)
    kind: Literal["latency"] = "latency"

    def __post_init__(self) -> None:
        measured = (self.p50_ms, self.p50_low_ms, self.p50_high_ms, self.output_megapixels_per_s)
        if any(value is not None and value <= 0 for value in (*measured, *self.samples_ms)):
            raise ValueError("expected times above zero")
        if any(value is None for value in measured) != (not self.samples_ms):
            raise ValueError("expected p50_ms, its interval, output_megapixels_per_s and samples_ms all or none")


@dataclass(frozen=True)
class RatioRecord:
    """Time of `artifact` divided by that of `other`, of one tile size, measured in the same rounds.

    `required` is the user's `--require`, then `gate` is pass or fail; else `stated`.
    """

    artifact: str
    other: str
    model_sha256: str
    tile: tuple[int, int]
    ratio: float
    ratio_low: float
    ratio_high: float
    order: Order
    gate: GateName
    reason: str
    required: str | None = None
    kind: Literal["ratio"] = "ratio"


@dataclass(frozen=True)
class DatasetNote:
    """What was measured on, and on which terms it may be used; `images` is their number."""

    name: str
    sha256: str
    images: int
    lr_source: str
    terms: str


@dataclass(frozen=True)
class Crop:
    """One place of one image from every source: name (`HR`, `bicubic`, artifact ids) -> base64 of an 8-bit
    PNG.

    `box` is top, left, height, width in HR pixels.
    """

    image: str
    dataset: str
    model_sha256: str
    box: tuple[int, int, int, int]
    pictures: Mapping[str, str]

    def __post_init__(self) -> None:
        for name, text in self.pictures.items():
            png_text.require(f"the crop {name[:40]!r}", text)


Record = (
    AccuracyRecord
    | LatencyRecord
    | RatioRecord
    | LimitRecord
    | RungRecord
    | DiagnosisRecord
    | BlockRecord
    | KernelRecord
    | LayersRecord
)


@dataclass(frozen=True)
class ResultFile:
    """One measurement on one machine; `created` is UTC, ISO 8601."""

    schema: int
    created: str
    environment: Environment
    records: tuple[Record, ...]
    datasets: tuple[DatasetNote, ...] = ()
    crops: tuple[Crop, ...] = ()
    error_maps: tuple[ErrorMap, ...] = ()

    @property
    def accuracy(self) -> tuple[AccuracyRecord, ...]:
        """The records of `check`."""
        return tuple(record for record in self.records if isinstance(record, AccuracyRecord))

    @property
    def latency(self) -> tuple[LatencyRecord, ...]:
        """The records of `bench`."""
        return tuple(record for record in self.records if isinstance(record, LatencyRecord))

    @property
    def limits(self) -> tuple[LimitRecord, ...]:
        """What the machine reached in the rounds of `bench`."""
        return tuple(record for record in self.records if isinstance(record, LimitRecord))

    @property
    def ratios(self) -> tuple[RatioRecord, ...]:
        """The comparisons of `bench`."""
        return tuple(record for record in self.records if isinstance(record, RatioRecord))

    @property
    def rungs(self) -> tuple[RungRecord, ...]:
        """The ladder of `check --ladder`."""
        return tuple(record for record in self.records if isinstance(record, RungRecord))

    @property
    def diagnoses(self) -> tuple[DiagnosisRecord, ...]:
        """How pictures of artifacts below fp32 differ, from `check`."""
        return tuple(record for record in self.records if isinstance(record, DiagnosisRecord))

    @property
    def blocks(self) -> tuple[BlockRecord, ...]:
        """Errors by block, of `check --blocks`."""
        return tuple(record for record in self.records if isinstance(record, BlockRecord))

    @property
    def layers(self) -> tuple[LayersRecord, ...]:
        """How the INT8 layers of artifacts were chosen."""
        return tuple(record for record in self.records if isinstance(record, LayersRecord))

    @property
    def engines(self) -> tuple[KernelRecord, ...]:
        """What compilers made of the graphs; nothing in it was run."""
        return tuple(record for record in self.records if isinstance(record, KernelRecord))


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
    require_replaceable(place)
    require_writable_folder(place.absolute().parent)
    if place.is_file() and place.stat().st_size and not _is_result(place):
        raise InputError(f"{place} holds something other than a result file and would be lost; choose another name")


def _is_result(place: Path) -> bool:
    """Whether a file looks like a result file of any schema."""
    if place.stat().st_size > MAX_BYTES:
        return False
    try:
        value = strict_json.parse(place.read_bytes(), place.name)
    except (InputError, OSError):
        return False
    return isinstance(value, dict) and {"schema", "environment", "records"} <= value.keys()


def write_result(path: str | Path, result: ResultFile) -> None:
    """Write a result file, atomically. Raises InputError if the place cannot be written, ValueError for
    NaN."""
    write_text(path, typed_json.encode(result))


def read_result(path: str | Path) -> ResultFile:
    """Read and check a result file. Raises InputError in one line: unreadable, not JSON, another schema,
    wrong."""
    place = Path(path)
    try:
        if place.stat().st_size > MAX_BYTES:
            raise InputError(f"expected a result file below {MAX_BYTES >> 20} MiB, found more in {place}")
        data = place.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the result file {place}: {error.strerror}; check the path") from error
    return parse_result(data, place.name)


def parse_result(data: str | bytes, name: str) -> ResultFile:
    """The result file in `data`; `name` is what errors call it. Raises InputError."""
    value = strict_json.parse(data, name, "measure again")
    schema = value.get("schema") if isinstance(value, dict) else None
    if type(schema) is not int:
        raise InputError(f"expected a result file of `check --json` or `bench --json`, found something else in {name}")
    if schema != SCHEMA:  # before anything else: another schema may have any fields
        todo = "update dlgsanet-edge" if schema > SCHEMA else "measure again"
        raise InputError(f"expected result schema {SCHEMA} in {name}, found {schema}; {todo}")
    return typed_json.decode(ResultFile, value, name)
