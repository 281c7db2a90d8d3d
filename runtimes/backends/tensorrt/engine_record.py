"""What is known of an engine: the sidecar beside one built on a device, or the `engine` entry of one in the manifest.

An engine runs only on the compute capability and with the TensorRT version that it was built with. Everything that
can be wrong is said before NVIDIA's code reads a byte of it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.storage.atomic import write_bytes, write_text
from dlgsanet.storage.json_text import read
from dlgsanet.storage.regular import open_regular
from dlgsanet.storage.typed_json import Text, decode
from runtimes.backends.interface.backend import EngineKernels
from runtimes.backends.tensorrt.layers import KernelTable, StoredKernels
from runtimes.bundle.field_types import InsidePath, Sha256, one_of
from runtimes.bundle.manifest import Artifact

SCHEMA: Literal[1] = 1
MAX_BYTES = 1 << 20
REBUILD = "run `dlgsanet build` on this device again"
FP32_SCALES, FP16_SCALES = "fp32", "fp16"


@dataclass(frozen=True)
class EngineRecord:
    """`library` is the Python package that built it (tensorrt, tensorrt_rtx) and alone can run it; `sm` such as sm87;
    `platform` such as linux-aarch64; `onnx` what it was built from, `scales` the form of an INT8 one (fp32, fp16);
    `options` as the builder took them; `kernels` as `KernelTable.as_json`, empty where the log told nothing."""

    schema: Literal[1]
    artifact: Text
    engine_sha256: Sha256
    library: Text
    version: Text
    sm: Text
    platform: Text
    onnx: InsidePath
    onnx_sha256: Sha256
    scales: Annotated[str, one_of((FP32_SCALES, FP16_SCALES))] | None
    options: Mapping[str, str]
    kernels: Mapping[str, object]

    @property
    def table(self) -> KernelTable | None:
        return KernelTable.from_json(self.kernels) if self.kernels else None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def host_platform() -> str:
    """Operating system and processor as engines are tied to them: linux-x86_64, linux-aarch64."""
    return f"{sys.platform}-{platform.machine()}"


def engine_path(artifact: Artifact, sm: str) -> str:
    """Where an engine built on a device lies, beside its ONNX; relative to the bundle."""
    return f"{artifact.path.removesuffix('.onnx')}.{sm}.engine"


def sidecar_path(engine: str) -> str:
    return f"{engine}.json"


def write_engine(bundle: Path, engine: str, data: bytes, record: EngineRecord) -> None:
    """Replace engine and sidecar, each atomically, the engine first: between the two its hash does not fit the old
    sidecar, and nobody runs it."""
    write_bytes(bundle / engine, data)
    write_text(bundle / sidecar_path(engine), json.dumps(record.as_json(), indent=1) + "\n")


def read_record(bundle: Path, engine: str) -> EngineRecord:
    """The sidecar of an engine. Raises UnavailableError where none is built here, InputError for a bad one."""
    path = bundle / sidecar_path(engine)
    if not path.is_file() or not (bundle / engine).is_file():
        raise UnavailableError(f"no engine is built for this device ('{engine}' is not there): {REBUILD}")
    return parse_record(read(path, MAX_BYTES, "the sidecar of an engine", REBUILD), path.name)


def parse_record(value: object, where: str) -> EngineRecord:
    """A record in JSON, every field checked; `where` names its place. Raises InputError naming the field."""
    record = decode(EngineRecord, value, where, REBUILD)
    if record.kernels:
        decode(StoredKernels, record.kernels, f"{where}.kernels", REBUILD)
    return record


def built_records(bundle: Path, artifact: Artifact) -> Iterator[EngineRecord]:
    """Of the engines that were built from an artifact on devices; an unreadable one is left to its runner to say."""
    stem = artifact.path.removesuffix(".onnx")
    for path in sorted((bundle / stem).parent.glob(f"{Path(stem).name}.sm*.engine")):
        with suppress(InputError, UnavailableError):
            yield read_record(bundle, f"{Path(stem).parent.as_posix()}/{path.name}")


def shipped_record(artifact: Artifact) -> EngineRecord:
    """Of an engine that is itself the artifact: it stands in the manifest. Raises InputError for a bad one."""
    return parse_record(artifact.graph.engine, f"manifest: {artifact.id}: engine")


def engine_kernels(artifact: Artifact, records: Iterable[EngineRecord]) -> Iterator[EngineKernels]:
    """What the artifact's engines are made of, where their compiler told."""
    for record in records:
        if record.artifact == artifact.id and (table := record.table) is not None:
            yield EngineKernels(
                library=f"{record.library} {record.version}",
                sm=record.sm,
                scales=record.scales,
                total=table.total,
                kernels=dict(table.kernels),
                dense=dict(table.dense),
                grouped=dict(table.grouped),
                requantize=table.requantize,
                stream_operations=table.waits + table.signals,
                weight_bytes=table.weight_bytes,
                activation_bytes=table.activation_bytes,
            )


def require_fitting(record: EngineRecord, artifact: Artifact, version: str, sm: str, bundled: bool = False) -> None:
    """Refuse an engine of another device, another TensorRT or another graph. Raises UnavailableError for what can be
    built anew here, InputError for what contradicts the bundle; `bundled` engines are in the manifest, not built
    here."""
    advice = "export it for this GPU" if bundled else REBUILD
    if record.artifact != artifact.id:
        raise InputError(f"{artifact.id}: the engine is that of {record.artifact}: {advice}")
    if record.sm != sm:
        raise UnavailableError(f"{artifact.id}: the engine is for {record.sm}, this GPU is {sm}: {advice}")
    if record.platform != host_platform():
        raise UnavailableError(
            f"{artifact.id}: the engine was built on {record.platform}, this is {host_platform()}: {advice}"
        )
    if record.version != version:
        raise UnavailableError(
            f"{artifact.id}: the engine was built by {record.library} {record.version}, here is {version}, which "
            f"cannot read it: {advice}"
        )
    if not bundled and artifact.files.get(record.onnx) != record.onnx_sha256:
        raise UnavailableError(f"{artifact.id}: the engine is older than the bundle's '{record.onnx}': {REBUILD}")


def read_engine(bundle: Path, engine: str, record: EngineRecord) -> bytes:
    """The engine's bytes, exactly those whose hash was checked. Raises InputError for a changed engine."""
    try:
        with open_regular(bundle / engine) as stream:
            data = stream.read()
    except OSError as error:
        raise InputError(f"cannot read '{engine}': {error.strerror}; {REBUILD}") from error
    if hashlib.sha256(data).hexdigest() != record.engine_sha256:
        raise InputError(f"'{engine}' was changed after it was built: it is not loaded, {REBUILD}")
    return data
