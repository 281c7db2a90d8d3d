"""Every backend that there is: ours by their entries, and those that other packages bring.

A package of others names itself under the entry point group `dlgsanet_edge.backends`: the name is the backend's, the
value a package whose module `runtime` has the entry as `BACKEND`. One that is broken is said where it is asked for,
and stands in nobody's way.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from dlgsanet.errors import UnavailableError
from runtimes.backends.backend import Backend
from runtimes.backends.coreml.entry import BACKEND as COREML
from runtimes.backends.onnxruntime.entry import BACKEND as ONNXRUNTIME
from runtimes.backends.openvino.entry import BACKEND as OPENVINO
from runtimes.backends.tensorrt.entry import BACKEND as TENSORRT
from runtimes.backends.tensorrt.entry import RTX_BACKEND as TENSORRT_RTX
from runtimes.backends.torch.entry import BACKEND as TORCH
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import Runner, RunOptions

GROUP = "dlgsanet_edge.backends"
BUILT_IN: Mapping[str, Backend] = {
    entry.name: entry for entry in (ONNXRUNTIME, OPENVINO, TORCH, COREML, TENSORRT, TENSORRT_RTX)
}


def backends() -> dict[str, Backend | UnavailableError]:
    """All backends by name, ours first; in the place of one that is broken, what is wrong with it."""
    return {**BUILT_IN, **_others()}


def find_backend(name: str) -> Backend:
    """The backend of this name. Raises UnavailableError where there is none, or it is broken."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    found = _others().get(name)
    if isinstance(found, Backend):
        return found
    raise found or UnavailableError(f"this version has no backend '{name}'; it has {', '.join(BUILT_IN)}")


def backend_runner(bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> Runner:
    """Return the runner of one artifact; imports no engine. Raises UnavailableError for a backend without
    one."""
    try:
        backend = find_backend(artifact.backend)
    except UnavailableError as error:
        raise UnavailableError(f"artifact '{artifact.id}': {error}") from error
    if backend.runner is None:
        raise UnavailableError(f"artifact '{artifact.id}': backend '{backend.name}' runs no artifacts")
    return backend.runner(bundle, artifact, scale, options)


def import_engine(name: str) -> ModuleType:
    """Import the engine of backend `name`. Raises UnavailableError with the extra that brings it."""
    return find_backend(name).engine.load()


@lru_cache(maxsize=1)
def _others() -> Mapping[str, Backend | UnavailableError]:
    found: dict[str, Backend | UnavailableError] = {}
    for point in entry_points(group=GROUP):
        told = _entry(point)
        if point.name in found:
            told = UnavailableError(f"backend '{point.name}' is brought by two packages; remove one")
        if point.name in BUILT_IN:  # under another name, since its own is taken
            found[f"{point.name} ({point.value})"] = _broken(point, "the name is that of a backend of ours")
            continue
        found[point.name] = told
    return found


def _entry(point: EntryPoint) -> Backend | UnavailableError:
    try:
        entry = importlib.import_module(f"{point.value}.runtime").BACKEND
    except Exception as error:  # noqa: BLE001  (whatever a package of others raises, ours go on)
        return _broken(point, f"{type(error).__name__}: {error}")
    if not isinstance(entry, Backend):
        return _broken(point, f"expected BACKEND of type Backend, found {type(entry).__name__}")
    if entry.name != point.name:
        return _broken(point, f"its entry calls itself '{entry.name}'")
    return entry


def _broken(point: EntryPoint, reason: str) -> UnavailableError:
    return UnavailableError(f"backend '{point.name}' of package '{point.value}' cannot be used: {reason}")
