"""What engines are made of, for result files: from the manifest (compiled ahead of time) and from the records beside
engines that were built on this device. Nothing needs to run for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.records.made_of import KernelRecord
from benchmarks.subjects.subject import Origin
from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.tensorrt.engine_record import EngineRecord, parse_record, read_record
from runtimes.bundle.manifest import Artifact


def kernel_records(bundle: Path, artifacts: Sequence[Artifact], origin: Origin) -> tuple[KernelRecord, ...]:
    """One for each engine whose compiler told its kernels; an unreadable record of an engine is left to its runner."""
    found = []
    for artifact in artifacts:
        for engine in _engines(bundle, artifact):
            if engine.artifact == artifact.id and engine.kernels:
                found.append(_record(engine, artifact, origin))
    return tuple(found)


def _engines(bundle: Path, artifact: Artifact) -> Iterator[EngineRecord]:
    if artifact.backend == "tensorrt-rtx" and "engine" in artifact.graph:
        yield parse_record(artifact.graph["engine"], f"manifest: {artifact.id}: engine")
    if artifact.backend == "tensorrt":
        stem = artifact.path.removesuffix(".onnx")
        for path in sorted((bundle / stem).parent.glob(f"{Path(stem).name}.sm*.engine")):
            try:
                yield read_record(bundle, f"{Path(stem).parent.as_posix()}/{path.name}")
            except (InputError, UnavailableError):
                continue


def _record(engine: EngineRecord, artifact: Artifact, origin: Origin) -> KernelRecord:
    table = engine.table
    assert table is not None
    return KernelRecord(
        artifact=artifact.id,
        role="artifact",
        backend=artifact.backend,
        model=origin.name,
        model_sha256=origin.sha256,
        library=f"{engine.library} {engine.version}",
        sm=engine.sm,
        scales=engine.scales,
        total=table.total,
        kernels=dict(table.kernels),
        dense=dict(table.dense),
        grouped=dict(table.grouped),
        requantize=table.requantize,
        stream_operations=table.waits + table.signals,
        weight_bytes=table.weight_bytes,
        activation_bytes=table.activation_bytes,
    )
