"""The backends by their names, as `export.targets.discovery` finds them."""

from __future__ import annotations

from collections.abc import Iterator

from dlgsanet.errors import BackendError
from export.backends.backend import Backend
from export.quantization.calibrated_graph import Quantizer
from export.targets.discovery import discover


def backends() -> Iterator[Backend]:
    """All that can be used, in the table's order."""
    return (backend_of(name) for name in discover().entries)


def backend_of(name: str) -> Backend:
    """The backend of a target. Raises BackendError where its entry is none."""
    entry = discover().entries[name]
    if not isinstance(entry, Backend):
        raise BackendError(f"backend '{name}': expected an export.backends.backend.Backend, found {type(entry)}")
    return entry


def quantizer_of(name: str) -> Quantizer:
    """What makes INT8 of a backend's graphs. Raises BackendError where it has nothing for it."""
    found = backend_of(name).quantizer()
    if found is None:
        raise BackendError(f"backend '{name}' has INT8 rows and no quantizer: please report this to its authors")
    return found


def tools() -> tuple[str, ...]:
    """Packages whose versions a bundle depends on."""
    own = (name for backend in backends() for name in backend.tools)
    return tuple(dict.fromkeys(("torch", "numpy", "onnx", *own)))


def sources() -> frozenset[str]:
    """The Python packages whose code makes artifacts: ours, and those of other backends."""
    return frozenset(backend.write.__module__.partition(".")[0] for backend in backends())


def timed_tools() -> tuple[str, ...]:
    """Packages whose versions a time that was measured here depends on."""
    own = (name for backend in backends() if not backend.not_timed for name in backend.tools)
    return tuple(dict.fromkeys(("numpy", *own)))
