"""What the report shows of several networks side by side: accuracy against time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.latency.plane import front, words
from benchmarks.records.latency import PlaneRecord
from benchmarks.report import charts
from benchmarks.report.advice.machines import Machine
from benchmarks.report.charts import Spot
from benchmarks.report.page_view import Chart


@dataclass(frozen=True)
class PlaneView:
    """Networks side by side on one machine: the record, which of its points are on the front, and what it says."""

    chart: Chart
    record: PlaneRecord
    on_front: tuple[bool, ...]
    lines: tuple[str, ...]


def plane_views(machines: Sequence[Machine]) -> tuple[PlaneView, ...]:
    """Every comparison of networks, machine by machine."""
    found = []
    for number, (machine, it) in enumerate((on, record) for on in machines for record in on.of(PlaneRecord)):
        best = front(it.points)
        spots = [Spot(point.artifact, point.p50_ms, point.psnr_db, point in best) for point in it.points]
        said = tuple(words(it.points))
        title = f"Accuracy on {it.dataset} over the time of a {it.tile[0]}x{it.tile[1]} tile, on {machine.label}"
        chart = Chart(title, said[0], charts.plane_chart(spots, f"plane-{number}"))
        found.append(PlaneView(chart, it, tuple(point in best for point in it.points), said))
    return tuple(found)
