"""The stand-in for TensorRT put in its place, and engines of it beside artifacts."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runtimes.backends.tensorrt.engine_record import EngineRecord, engine_path, host_platform, write_engine
from runtimes.bundle.manifest import Artifact

MARK = b"fake engine\n"
TABLE = {
    "total": 2, "kernels": {"conv fp16": 2}, "dense_convolutions": {"fp16": 2}, "grouped_convolutions": {}, "waits": 0,
    "signals": 0, "requantize": 0, "weight_bytes": None, "activation_bytes": 7,
    "macs": {"fp16": 5},
}  # fmt: skip


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **behaviour: object) -> None:
    """From now on `import tensorrt` is the stand-in, in `folder`, here and in child processes."""
    folder.mkdir(exist_ok=True)
    (folder / "tensorrt.py").write_text(Path(__file__).with_name("fake_tensorrt.py").read_text())
    monkeypatch.setenv("FAKE_TENSORRT", json.dumps(behaviour))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    sys.modules.pop("tensorrt", None)  # monkeypatch would bring an earlier stand-in back
    importlib.invalidate_caches()


def built(bundle: Path, artifact: Artifact, /, tile=(16, 16), **changes) -> EngineRecord:
    """Put an engine of the stand-in beside an artifact, as `dlgsanet build` would."""
    data = MARK + json.dumps({"tile": tile}).encode()
    record = EngineRecord(
        schema=1,
        artifact=artifact.id,
        engine_sha256=hashlib.sha256(data).hexdigest(),
        library="tensorrt",
        version="10.3.0",
        sm="sm87",
        platform=host_platform(),
        onnx=artifact.path,
        onnx_sha256=artifact.files[artifact.path],
        scales=None,
        options={"typing": "strong"},
        kernels=TABLE,
    )
    record = replace(record, **changes)
    write_engine(bundle, engine_path(artifact, "sm87"), data, record)
    return record
