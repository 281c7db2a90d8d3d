"""One folder a backend: how its artifacts are run. The registry knows them all, and those of other packages.

What the entries of others are made of: `from runtimes.backends import Backend, Engine`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtimes.backends.interface.backend import Backend
    from runtimes.backends.interface.engines import Engine
    from runtimes.backends.registry import backend_runner, import_engine

__all__ = ["Backend", "Engine", "backend_runner", "import_engine"]
_PLACES = {
    "Backend": "interface.backend",
    "Engine": "interface.engines",
    "backend_runner": "registry",
    "import_engine": "registry",
}


def __getattr__(name: str) -> object:
    """Names of this package's modules, which are imported when they are asked for."""
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
