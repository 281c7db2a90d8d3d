"""Which backends there are: ours, and those that other packages bring.

Both are loaded by the names of their modules, as entry points are written: the table of targets, which everything is
built on, holds the rows of backends, which are built on it. So an entry must not import `export.targets.table` before
one of its functions is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

from export.targets.row import Row
from runtimes.backends.interface.plug_ins import plug_ins

BUILT_IN = (
    "export.backends.onnxruntime.entry:BACKEND",
    "export.backends.openvino.entry:BACKEND",
    "export.backends.coreml.entry:BACKEND",
    "export.backends.tensorrt.entry:BACKEND",
    "export.backends.tensorrt.entry:RTX_BACKEND",
    "export.backends.litert.entry:BACKEND",
    "export.backends.executorch.entry:BACKEND",
    "export.backends.executorch.entry:COREML_BACKEND",
    "export.backends.executorch.entry:VULKAN_BACKEND",
)


@runtime_checkable
class Entry(Protocol):
    """What the table reads of `export.backends.backend.Backend`."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> tuple[Row, ...]: ...

    @property
    def refused(self) -> Mapping[str, str]: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Found:
    """`entries` by the backend's name, ours first; `broken`: in the place of those that cannot be used, why not."""

    entries: Mapping[str, Entry]
    broken: Mapping[str, str]


@cache
def discover() -> Found:
    """Every backend. One of others that is broken stands in nobody's way."""
    entries = {entry.name: entry for entry in (_load(place) for place in BUILT_IN)}
    broken: dict[str, str] = {}
    for name, package in sorted(_others()):
        try:
            entries[name] = _checked(name, package, entries)
        except Exception as error:  # noqa: BLE001  (whatever a package of others raises, ours go on)
            label = name if name not in entries else f"{name} ({package})"
            broken[label] = f"package '{package}' cannot be used: {type(error).__name__}: {error}"
    return Found(entries, broken)


def _others() -> Iterator[tuple[str, str]]:
    """(backend, package) as installed packages say."""
    return plug_ins()


def _checked(name: str, package: str, known: Mapping[str, Entry]) -> Entry:
    entry = _load(f"{package}.export:BACKEND")
    if name in known:
        raise ValueError("another backend has this name")
    if entry.name != name:
        raise ValueError(f"its entry calls itself '{entry.name}'")
    if wrong := [row.name for row in entry.rows if row.backend != name]:
        raise ValueError(f"its row {wrong[0]} is not of this backend")
    return entry


def _load(place: str) -> Entry:
    module, _, name = place.partition(":")
    entry = getattr(importlib.import_module(module), name)
    if not isinstance(entry, Entry):
        raise TypeError(f"expected {place} to be a Backend, found {type(entry).__name__}")
    return entry
