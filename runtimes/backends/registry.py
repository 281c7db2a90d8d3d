"""Every backend that there is: ours by their entries, and those that other packages bring (`plug_ins`). One of those
that is broken is said where it is asked for, and stands in nobody's way.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from dlgsanet.errors import UnavailableError
from runtimes.backends.coreml.entry import BACKEND as COREML
from runtimes.backends.executorch.entry import BACKEND as EXECUTORCH
from runtimes.backends.executorch.entry import COREML_BACKEND as EXECUTORCH_COREML
from runtimes.backends.executorch.entry import VULKAN_BACKEND as EXECUTORCH_VULKAN
from runtimes.backends.interface.backend import Backend, Judge
from runtimes.backends.interface.plug_ins import plug_ins
from runtimes.backends.kserve.entry import BACKEND as KSERVE
from runtimes.backends.litert.entry import BACKEND as LITERT
from runtimes.backends.onnxruntime.entry import BACKEND as ONNXRUNTIME
from runtimes.backends.openvino.entry import BACKEND as OPENVINO
from runtimes.backends.tensorrt.entry import BACKEND as TENSORRT
from runtimes.backends.tensorrt.entry import RTX_BACKEND as TENSORRT_RTX
from runtimes.backends.torch.entry import BACKEND as TORCH
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import Runner, RunOptions, spoilt_int8

_OURS = (
    *(ONNXRUNTIME, OPENVINO, TORCH, COREML, TENSORRT, TENSORRT_RTX, LITERT, EXECUTORCH, EXECUTORCH_COREML),
    *(EXECUTORCH_VULKAN, KSERVE),
)
BUILT_IN: Mapping[str, Backend] = {entry.name: entry for entry in _OURS}


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


def interpreters() -> tuple[str, ...]:
    """Names of what judges an artifact's numbers where its engine cannot run: interpreters of the saved files, which
    are no device. `check` accepts them, `bench` refuses: their results stand in no table of times."""
    known = [entry for entry in backends().values() if isinstance(entry, Backend)]
    return tuple(dict.fromkeys(name for backend in known for name in backend.interpreters))


def judges(artifact: Artifact, device: str) -> tuple[Judge, ...]:
    """The interpreters that stand in for this artifact's engine on `device`; none where the engine is to run, or
    nothing is known of its backend."""
    try:
        return find_backend(artifact.backend).judges(artifact, device)
    except UnavailableError:
        return ()


def spoilt_here(backend: str, precision: str, device: str = RunOptions.device) -> str:
    """One line where this processor spoils INT8 of this backend, so that nothing can be judged by it; else empty."""
    try:
        in_pairs = find_backend(backend).engine.int8_in_pairs
    except UnavailableError:  # nothing of it runs here
        return ""
    return spoilt_int8(precision, device, in_pairs)


@lru_cache(maxsize=1)
def _others() -> Mapping[str, Backend | UnavailableError]:
    found: dict[str, Backend | UnavailableError] = {}
    for name, package in sorted(plug_ins()):
        taken = name in BUILT_IN or name in found
        label = f"{name} ({package})" if taken else name
        found[label] = _broken(name, package, "another backend has this name") if taken else _entry(name, package)
    return found


def _entry(name: str, package: str) -> Backend | UnavailableError:
    try:
        entry = importlib.import_module(f"{package}.runtime").BACKEND
    except Exception as error:  # noqa: BLE001  (whatever a package of others raises, ours go on)
        return _broken(name, package, f"{type(error).__name__}: {error}")
    if not isinstance(entry, Backend):
        return _broken(name, package, f"expected BACKEND of type Backend, found {type(entry).__name__}")
    if entry.name != name:
        return _broken(name, package, f"its entry calls itself '{entry.name}'")
    return entry


def _broken(name: str, package: str, reason: str) -> UnavailableError:
    return UnavailableError(f"backend '{name}' of package '{package}' cannot be used: {reason}")
