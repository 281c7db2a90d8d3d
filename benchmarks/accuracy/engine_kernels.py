"""What engines are made of, for result files: from the manifest (compiled ahead of time) and from the records beside
engines that were built on this device. Nothing needs to run for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.records.made_of import KernelRecord
from benchmarks.subjects.subject import Origin
from dlgsanet.errors import EdgeError
from runtimes.backends.registry import find_backend
from runtimes.bundle.manifest import Artifact


def kernel_records(bundle: Path, artifacts: Sequence[Artifact], origin: Origin) -> tuple[KernelRecord, ...]:
    """One for each engine whose compiler told its kernels; a backend that is not there, and a record that cannot be
    read, are left to the runner."""
    found = []
    for artifact in artifacts:
        try:
            engines = tuple(find_backend(artifact.backend).kernels(bundle, artifact))
        except EdgeError:
            continue
        for engine in engines:
            found.append(
                KernelRecord(
                    artifact=artifact.id,
                    role="artifact",
                    backend=artifact.backend,
                    model=origin.name,
                    model_sha256=origin.sha256,
                    **asdict(engine),
                )
            )
    return tuple(found)
