"""Backends of other packages, as their entry points name them. A package has two halves: its module `export` for the
exporter, its module `runtime` for devices, each with an entry called `BACKEND`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

GROUP = "dlgsanet_edge.backends"
"""Group of entry points: the name is the backend's, the value its package."""


def plug_ins() -> Iterator[tuple[str, str]]:
    """(backend, package) of every installed package that names itself."""
    return ((point.name, point.value) for point in entry_points(group=GROUP))
