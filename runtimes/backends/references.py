"""What judges an artifact's numbers where its engine cannot run: interpreters of the saved files, which are no device.

Their results are labelled with their names, and stand in no table of times.
"""

from __future__ import annotations

from dlgsanet.errors import UnavailableError
from runtimes.backends.backend import Backend, Judge
from runtimes.backends.registry import backends, find_backend
from runtimes.bundle.manifest import Artifact

__all__ = ["Judge", "interpreters", "judges"]


def interpreters() -> tuple[str, ...]:
    """Device names that `check` accepts and `bench` refuses."""
    known = [entry for entry in backends().values() if isinstance(entry, Backend)]
    return tuple(name for backend in known for name in backend.interpreters)


def judges(artifact: Artifact, device: str) -> tuple[Judge, ...]:
    """The interpreters that stand in for this artifact's engine on `device`; none where the engine is to run, or
    nothing is known of its backend."""
    try:
        return find_backend(artifact.backend).judges(artifact, device)
    except UnavailableError:
        return ()
