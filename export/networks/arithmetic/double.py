"""A network's own file and its fixed graph beside one another in float64.

onnx's reference evaluator computes them, with torch for what is slow. Each must first give what ONNX Runtime gives of
the same file in fp32: an evaluator that errs proves nothing.

Runs as `python -m export.networks.arithmetic.double`, in a process of its own: it may take long, and much memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from dlgsanet.errors import BackendError
from dlgsanet.storage.typed_json import decode, to_json
from export.networks.arithmetic.operators import OPERATORS
from export.networks.arithmetic.widen import ALL_TO_DOUBLE, widened
from export.networks.proof import LIMIT, certified
from export.pictures import photograph
from runtimes.backends.onnxruntime.untouched import as_given, as_picture, open_untouched
from runtimes.bundle.artifact_facts import Certificate
from runtimes.bundle.foreign import Foreign
from runtimes.machine.child import Job, ask, serve
from runtimes.machine.memory import limit_to_available
from runtimes.runner.tiling import Array, Tile

TIMEOUT_S = 120.0
WHAT = "float64"


@dataclass(frozen=True)
class DoubleJob:
    """Two files that must be the same network at `tile`, with what goes in and out of each."""

    file: str
    foreign: Foreign
    graph: str
    ours: Foreign
    tile: Tile
    names: tuple[str, str]


def proven_in_double(job: DoubleJob) -> Certificate:
    """Raises GateError where they differ, BackendError saying why it cannot be told in float64."""
    found: Certificate = decode(Certificate, ask(Job(__name__, to_json(job), WHAT, TIMEOUT_S)), WHAT)
    return found


class InDouble:
    """(1, 3, H, W) float32, RGB in [0, 1] -> (1, 3, sH, sW), computed in float64."""

    def __init__(self, path: Path, foreign: Foreign) -> None:
        self._foreign = foreign
        self._evaluator = ReferenceEvaluator(widened(onnx.load(path), ALL_TO_DOUBLE), new_ops=list(OPERATORS))

    def __call__(self, lr: Array) -> Array:
        given = as_given(lr, self._foreign.pixels).astype(np.float64)
        (found,) = self._evaluator.run([self._foreign.output], {self._foreign.input: given})
        if found.dtype != np.float64:
            raise BackendError(f"onnx's evaluator gives {found.dtype}")
        return as_picture(found, self._foreign.pixels)


def compared(job: DoubleJob) -> Certificate:
    """Raises what `proven_in_double` does."""
    lr = photograph(job.tile)
    runs = []
    for path, foreign in ((job.file, job.foreign), (job.graph, job.ours)):
        try:
            run = InDouble(Path(path), foreign)
            found, expected = run(lr), open_untouched(Path(path), foreign)(lr)
        except (ArithmeticError, AttributeError, LookupError, MemoryError, NotImplementedError, RuntimeError, TypeError,
                ValueError) as error:  # fmt: skip
            raise BackendError(f"onnx's evaluator fails on it ({type(error).__name__})") from error
        error_of = float(np.abs(found - expected).max()) / max(1.0, float(np.abs(expected).max()))
        if found.shape != expected.shape or not error_of <= LIMIT:
            raise BackendError("onnx's evaluator computes it differently from ONNX Runtime")
        runs.append(run)
    return certified(runs[0], runs[1], job.tile, job.names, "float64")


def _serve(given: object) -> object:
    limit_to_available()
    return to_json(compared(decode(DoubleJob, given, "job")))


if __name__ == "__main__":
    serve(lambda given, say: _serve(given))
