"""What a run tells: a line of JSON per report, the console, and TensorBoard's event files where wanted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.storage import atomic
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.regular import read_regular

LOG, EVENTS = "log.jsonl", "tensorboard"
_MOST_BYTES = 1 << 30


class Events(Protocol):
    """TensorBoard's event files, as tensorboardX writes them."""

    def add_scalar(self, key: str, value: float, step: int) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Journal:
    """The log of one run in its folder. Lines from beyond the step that a run resumes at are dropped."""

    def __init__(self, folder: Path, step: int, tensorboard: bool) -> None:
        self._path = folder / LOG
        self._events = _event_writer(folder / EVENTS, step) if tensorboard else None
        if self._path.exists():
            self._drop_after(step)

    def write(self, record: Mapping[str, float]) -> None:
        """Add one record; its numbers also go to TensorBoard, under their keys at its `step`."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        if self._events:
            for key, value in record.items():
                if key != "step":
                    self._events.add_scalar(key, value, int(record["step"]))
            self._events.flush()

    def close(self) -> None:
        """Finish the event files."""
        if self._events:
            self._events.close()

    def _drop_after(self, step: int) -> None:
        """A run that was killed had logged steps that the saved state knows nothing of; they will come again."""
        try:
            lines = read_regular(self._path, _MOST_BYTES).splitlines()
        except OSError as error:
            raise InputError(f"cannot read the log {self._path}: {error.strerror}; move it away") from error
        kept = [line for line in lines if _step(line) <= step]
        if len(kept) < len(lines):
            atomic.write_bytes(self._path, b"".join(line + b"\n" for line in kept))


def _step(line: bytes) -> float:
    """The step of a line; beyond all for what is none, such as half a line of a run that was killed."""
    try:
        value = parse(line, LOG, "")
    except InputError:
        return math.inf
    step = value.get("step") if isinstance(value, dict) else None
    return step if isinstance(step, (int, float)) else math.inf


def _event_writer(folder: Path, step: int) -> Events:
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "run.tensorboard needs the package tensorboardX, found none: pip install 'dlgsanet-edge[train]'"
        ) from error
    writer: Events = SummaryWriter(str(folder), purge_step=step + 1)
    return writer
