"""Who imports whom, read from the source: modules, and the folders that they lie in."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

Edges = Mapping[str, set[str]]


def modules(root: Path, rooms: tuple[str, ...]) -> dict[str, Path]:
    """Every module of the rooms, by its dotted name; a package is its `__init__.py`."""
    paths = [path for room in rooms for path in sorted((root / room).rglob("*.py"))]
    return {dotted(path.relative_to(root)): path for path in paths}


def dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """What a file names in its import statements: modules, and names that may be modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def edges(known: Mapping[str, Path]) -> dict[str, set[str]]:
    """module -> the known modules that it imports, anywhere in its file."""
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        hits = {hit for one in imported(path) if (hit := _nearest(one, known)) and hit != name}
        found[name] = hits
    return found


def _nearest(name: str, known: Mapping[str, Path]) -> str:
    """The module that a dotted name is, or is a member of."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def rooms_of(known: Mapping[str, Path]) -> dict[str, str]:
    """module -> the folder it lies in, where that holds no further folder of modules; else itself.

    Files beside folders each stand for themselves: some are what the folders build on (errors), others what is
    built on them (commands).
    """
    parents = {path.parent.parent for path in known.values()}
    return {name: name if path.parent in parents else _package(name, path) for name, path in known.items()}


def _package(name: str, path: Path) -> str:
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def between(graph: Edges, place: Mapping[str, str]) -> dict[str, set[str]]:
    """The same imports between places."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, others in graph.items():
        found[place[name]] |= {place[other] for other in others} - {place[name]}
    return found


def circle(graph: Edges) -> list[str]:
    """One circle of imports, its first place again at the end; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        members: list[str] = error.args[1]
        return members
    return []


def floors(graph: Edges) -> int:
    """The longest way down, in places: how many floors of imports there are."""
    height: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        height[name] = 1 + max((height[other] for other in graph.get(name, ())), default=0)
    return max(height.values(), default=0)
