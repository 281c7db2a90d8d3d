"""The picture of the architecture: which folder imports which, read from the import statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from math import fsum
from pathlib import Path

from docs.tables.import_graph import between, edges, modules

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "benchmarks": "measures artifacts as a user would",
    "export": "rewrites, proves, writes bundles",
    "runtimes": "runs artifacts; needs no torch",
    "dlgsanet": "the reference network, images, training",
}
"""In the order of the picture: a package imports only packages below it."""
WIDTH, MARGIN, BOX, ROW, HEAD = 1000, 24, 30, 62, 40
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1a1c20}.title{font-weight:600;font-size:15px}.quiet{fill:#5b6270}"
    ".room{fill:#f4f6f9;stroke:#c9d0da}.folder{fill:#fff;stroke:#7d8896}.edge{stroke:#8fa3bd;fill:none}"
)
Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Place:
    """Where a folder is drawn: the middle of its box and its width."""

    x: float
    y: float
    width: float


def folder_imports() -> dict[str, set[str]]:
    """Folder -> folders that it imports; the files that lie directly in a room stand for themselves."""
    known = modules(ROOT, tuple(ROOMS))
    return between(edges(known), {name: ".".join(name.split(".")[:2]) for name in known})


def reachable(graph: Graph, start: str) -> set[str]:
    """Everything that `start` imports, directly or not."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        for there in graph[ahead.pop()] - seen:
            seen.add(there)
            ahead.append(there)
    return seen


def floors(graph: Graph) -> dict[str, int]:
    """How far each folder stands above the lowest one; folders of a circle share a floor."""
    below = {name: reachable(graph, name) for name in graph}
    known: dict[str, int] = {}
    for name in sorted(graph, key=lambda name: (len(below[name]), name not in below[name], name)):
        lower = [known[it] for it in below[name] if it in known and name not in below[it]]
        known[name] = max(lower, default=-1) + 1
    return known


def direct(graph: Graph) -> list[tuple[str, str]]:
    """The imports that no longer way implies."""
    below = {name: reachable(graph, name) for name in graph}
    return [
        (here, there)
        for here in sorted(graph)
        for there in sorted(graph[here])
        if not any(
            there in below[other]
            for other in graph[here] - {there}
            if here not in below[other] and other not in below[there]  # not within one circle
        )
    ]


def picture() -> str:
    """The SVG."""
    everything = folder_imports()
    used = {there for imported in everything.values() for there in imported}
    parts: list[str] = []
    top = float(MARGIN)
    for room, words in ROOMS.items():
        names = {name for name in everything if name.partition(".")[0] == room and (everything[name] or name in used)}
        graph = {name: frozenset(everything[name] & names) for name in names}
        drawn, height = _room(room, words, graph, top)
        parts += drawn
        top += height + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" role="img">\n'
        f"<title>Folders and their imports</title>\n<style>{STYLE}</style>\n"
        f'<rect width="{WIDTH}" height="{top:.0f}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _room(room: str, words: str, graph: Graph, top: float) -> tuple[list[str], float]:
    levels = floors(graph)
    height = HEAD + (max(levels.values()) + 1) * ROW - (ROW - BOX) + MARGIN
    places = _places(graph, levels, top + height - MARGIN - BOX / 2)
    frame = f'<rect class="room" x="{MARGIN}" y="{top:.0f}" width="{WIDTH - 2 * MARGIN}" height="{height:.0f}" rx="8"/>'
    title = (
        f'<text class="title" x="{MARGIN + 14}" y="{top + 25:.0f}">{room}/ <tspan class="quiet">{words}</tspan></text>'
    )
    edges = [_edge(places[here], places[there]) for here, there in direct(graph)]
    return [frame, title, *edges, *(_box(name, places[name]) for name in sorted(places))], height


def _places(graph: Graph, levels: Mapping[str, int], bottom: float) -> dict[str, Place]:
    """Rows from the lowest floor up; in a row, folders stand above what they import."""
    places: dict[str, Place] = {}
    for level in range(max(levels.values()) + 1):
        row = sorted(name for name in graph if levels[name] == level)
        row.sort(key=lambda name: _middle([places[it].x for it in graph[name] if it in places]))
        widths = [8.0 * len(_label(name)) + 22 for name in row]
        gap = (WIDTH - 4 * MARGIN - sum(widths)) / (len(row) + 1)
        x = 2 * MARGIN + gap
        if len(row) == 1:  # not all in the middle, where boxes would hide the lines between others
            x += gap / 4 if level % 2 else -gap / 4
        for name, width in zip(row, widths, strict=True):
            places[name] = Place(x + width / 2, bottom - level * ROW, width)
            x += width + gap
    return places


def _middle(positions: list[float]) -> float:
    # fsum: the same in any order of a set
    return fsum(positions) / len(positions) if positions else WIDTH / 2


def _label(name: str) -> str:
    return name.partition(".")[2] or "__init__"


def _box(name: str, place: Place) -> str:
    left, top = place.x - place.width / 2, place.y - BOX / 2
    return (
        f'<rect class="folder" x="{left:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{BOX}" rx="5"/>'
        f'<text x="{place.x:.1f}" y="{place.y + 4.5:.1f}" text-anchor="middle">{escape(_label(name))}</text>'
    )


def _edge(here: Place, there: Place) -> str:
    start, end = here.y + BOX / 2, there.y - BOX / 2
    bend = (start + end) / 2
    return (
        f'<path class="edge" d="M{here.x:.1f} {start:.1f} C{here.x:.1f} {bend:.1f} {there.x:.1f} {bend:.1f} '
        f'{there.x:.1f} {end:.1f}"/>'
    )
