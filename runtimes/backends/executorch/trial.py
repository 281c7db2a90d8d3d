"""A program opened and run once in a process of its own: the engine ends with a signal at about one in eight files with
changed bytes, and so would ours.

Run as `python -m runtimes.backends.executorch.trial` it does the one job.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlgsanet.errors import BackendError, InputError, one_line
from runtimes.backends.executorch.layers import ProgramFile
from runtimes.backends.executorch.method import OpenMethod
from runtimes.backends.executorch.probe import prove
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.runner.blame import blame

MODULE = "runtimes.backends.executorch.trial"
PATIENCE_S = 600.0


def require_opens(artifact_id: str, path: Path) -> None:
    """Raise InputError for a file that the engine does not take, or that ends its process, BackendError where the
    engine takes no other either."""
    what = f"{artifact_id}: ExecuTorch cannot run it"
    try:
        ask(Job(MODULE, str(path), what, PATIENCE_S, advice="choose a smaller tile"))
    except InputError as error:
        raise blame(f"{what}: {error}", prove) from error
    except BackendError as error:
        raise blame(str(error), prove) from error


def _try(given: object, say: Say) -> None:
    data = Path(str(given)).read_bytes()
    try:
        method, program = OpenMethod(data, 1), ProgramFile(data)
        _ = program.layers, program.precision
        facts = method.facts
        if facts.num_inputs() == 1:
            method.run(np.zeros(tuple(facts.input_tensor_meta(0).sizes()), np.float32))
    except (ValueError, RuntimeError) as error:
        raise InputError(one_line(str(error))) from error


if __name__ == "__main__":
    serve(_try)
