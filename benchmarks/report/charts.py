"""The report's charts as inline SVG, readable on light and dark pages and without colour vision.

Everything drawn in `_INK` becomes `currentColor`, the page's own text colour.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.records.statistics import Interval

_INK = "#010203"
# Okabe and Ito's colours, but for black and yellow; all have contrast on white and on near-black.
_COLOURS = ("#0080c8", "#d55e00", "#00936b", "#b5659a", "#c98500", "#3f9fd6", "#8a6fd1", "#7a7a7a")
_MARKERS = "osD^vPX*"
_LOG_FROM = 6.0  # largest over smallest median from which a linear axis would hide the small ones
_MIN_SPAN_DB = 0.04  # a narrower PSNR axis would make noise look like a difference
_WIDTH = 6.6  # inches: narrow enough that a telephone shows the whole of it with words that can be read
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"\d+\.\d{3,}")  # a hundredth of a point is enough
_MARKS = re.compile(r"(<g\b[^>]*)>((?:\s*<use\b[^>]*/>)+)\s*</g>")
_LOOK = re.compile(r' style="[^"]*"')
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dlgsanet",
    "text.parse_math": False,  # names come from files of others: a dollar sign is no formula
    "font.family": ["sans-serif"],
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Style:
    """How one artifact looks in all charts."""

    colour: str
    marker: str


@dataclass(frozen=True)
class Strip:
    """One row of the latency chart; times in ms."""

    name: str
    median: Interval
    samples_ms: Sequence[float]


@dataclass(frozen=True)
class BlockLine:
    """One artifact in the chart of blocks: decibels behind each block, and of each block alone; None for no error."""

    name: str
    total_db: Sequence[float | None]
    added_db: Sequence[float | None]


@dataclass(frozen=True)
class Point:
    """One artifact in the PSNR-versus-latency chart; `passed` is its gate, `advised` the one to use."""

    name: str
    median: Interval
    psnr_db: float
    passed: bool
    advised: bool


@dataclass(frozen=True)
class Spot:
    """One network in the chart of accuracy against time; `on_front`: none beats it in both."""

    name: str
    ms: float
    psnr_db: float
    on_front: bool


def styles(names: Sequence[str]) -> dict[str, Style]:
    """A colour and a marker for each name: equal names look alike in every chart."""
    return {
        name: Style(_COLOURS[i % len(_COLOURS)], _MARKERS[(i + i // len(_COLOURS)) % len(_MARKERS)])
        for i, name in enumerate(names)
    }


def latency_chart(strips: Sequence[Strip], style: Mapping[str, Style], label: str) -> str:
    """Every raw sample as a dot, the median as a line, its 95 % interval as a bar; fastest on top; SVG
    text."""
    shown = sorted(strips, key=lambda strip: strip.median.value, reverse=True)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.52 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        for row, strip in enumerate(shown):
            _strip(axes, row, strip, style[strip.name])
        axes.set_yticks(range(len(shown)), [strip.name for strip in shown])
        axes.set_ylim(-0.6, len(shown) - 0.4)
        samples = [sample for strip in shown for sample in strip.samples_ms]
        _time_axis(axes, [strip.median.value for strip in shown], samples)
        return _svg(figure, label)


def machines_chart(rows: Mapping[str, Mapping[str, Interval]], style: Mapping[str, Style], label: str) -> str:
    """Machines from top to bottom, the medians of what was timed on each with their intervals; SVG text."""
    names = list(dict.fromkeys(name for times in rows.values() for name in times))
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, 1.2 + 0.5 * len(rows) + _legend_height(len(names))), layout="constrained")
        axes = figure.add_subplot()
        for name in names:
            places = [place for place, times in enumerate(rows.values()) if name in times]
            found = [times[name] for times in rows.values() if name in times]
            values = [it.value for it in found]
            spread = [[it.value - it.low for it in found], [it.high - it.value for it in found]]
            look = style[name]
            axes.errorbar(values, places, xerr=spread, fmt=look.marker, ms=8, color=look.colour, label=name, alpha=0.85)
        axes.set_yticks(range(len(rows)), [textwrap.fill(name, 22) for name in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        medians = [it.value for times in rows.values() for it in times.values()]
        _time_axis(
            axes, medians, [end for times in rows.values() for it in times.values() for end in (it.low, it.high)]
        )
        _legend_below(figure, axes)
        return _svg(figure, label)


def psnr_chart(points: Sequence[Point], reference_db: float | None, style: Mapping[str, Style], label: str) -> str:
    """PSNR against HR over the median latency; the advised artifact is ringed, failed gates are crossed;
    SVG."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, 3.0 + _legend_height(len(points) + 1)), layout="constrained")
        axes = figure.add_subplot()
        for point in points:
            _point(axes, point, style[point.name])
        if reference_db is not None:
            axes.axhline(reference_db, color=_INK, lw=1, ls=(0, (4, 3)), label="reference (torch)")
        _psnr_limits(axes, [*(point.psnr_db for point in points), *([reference_db] if reference_db else [])])
        axes.set_ylabel("PSNR, dB")
        axes.ticklabel_format(axis="y", useOffset=False)
        ends = [end for point in points for end in (point.median.low, point.median.high)]
        _time_axis(axes, [point.median.value for point in points], ends)
        axes.grid(True, color=_INK, alpha=0.12, lw=0.8)
        _legend_below(figure, axes)
        return _svg(figure, label)


def plane_chart(spots: Sequence[Spot], label: str) -> str:
    """Accuracy against time: a marker for each, a line along those that no other beats in both; SVG."""
    look = styles([it.name for it in spots])
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, 3.4 + _legend_height(len(spots))), layout="constrained")
        axes = figure.add_subplot()
        best = sorted((it for it in spots if it.on_front), key=lambda it: it.ms)
        axes.step([it.ms for it in best], [it.psnr_db for it in best], where="post", color=_INK, alpha=0.4, lw=1.4)
        for it in spots:
            style = look[it.name]
            fill = style.colour if it.on_front else "none"
            axes.plot(it.ms, it.psnr_db, style.marker, ms=9, color=style.colour, mfc=fill, label=it.name)
        _psnr_limits(axes, [it.psnr_db for it in spots])
        axes.set_ylabel("PSNR, dB")
        axes.ticklabel_format(axis="y", useOffset=False)
        times = [it.ms for it in spots]
        _time_axis(axes, times, times)
        axes.grid(True, color=_INK, alpha=0.12, lw=0.8)
        _legend_below(figure, axes)
        return _svg(figure, label)


def block_chart(lines: Sequence[BlockLine], blocks: Sequence[str], style: Mapping[str, Style], label: str) -> str:
    """Signal to error over the blocks, above with all that came before, below of each block alone; SVG text."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, 6.0 + _legend_height(len(lines))), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, words in ((upper, "behind the block, dB"), (lower, "of the block alone, dB")):
            for line in lines:
                values = [np.nan if it is None else it for it in (line.total_db if axes is upper else line.added_db)]
                look = style[line.name]
                axes.plot(values, color=look.colour, marker=look.marker, ms=5, lw=1.2, label=line.name)
            axes.set_ylabel(words)
            axes.grid(True, color=_INK, alpha=0.12, lw=0.8)
        lower.set_xticks(range(len(blocks)), blocks, rotation=90, fontsize=8)
        _legend_below(figure, upper)
        return _svg(figure, label)


def _legend_height(names: int) -> float:
    """Inches that the names take, two in a row."""
    return 0.24 * -(-names // 2)


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncol=2, fontsize=9)


def _strip(axes: Axes, row: int, strip: Strip, style: Style) -> None:
    samples = np.asarray(strip.samples_ms)
    jitter = np.random.default_rng(row).uniform(-0.24, 0.24, len(samples))
    axes.plot(samples, row + jitter, ".", color=style.colour, ms=5, alpha=0.6, mew=0)
    median = strip.median
    axes.plot([median.low, median.high], [row, row], color=_INK, lw=5, alpha=0.35, solid_capstyle="butt")
    axes.plot([median.value, median.value], [row - 0.3, row + 0.3], color=_INK, lw=2)
    text = f"{median.value:.1f}"
    axes.annotate(text, (median.value, row + 0.31), ha="center", va="bottom", fontsize=9, annotation_clip=False)


def _point(axes: Axes, point: Point, style: Style) -> None:
    time = point.median
    spread = [[time.value - time.low], [time.high - time.value]]
    name = f"{point.name} (advised)" if point.advised else point.name
    name = name if point.passed else f"{point.name} (gate not passed)"
    axes.errorbar(
        time.value,
        point.psnr_db,
        xerr=spread,
        fmt=style.marker,
        ms=9,
        color=style.colour,
        mfc=style.colour if point.passed else "none",
        elinewidth=2,
        label=name,
    )
    if point.advised:
        axes.plot(time.value, point.psnr_db, "o", ms=19, mfc="none", mec=_INK, mew=1.6)
    if not point.passed:
        axes.plot(time.value, point.psnr_db, "x", ms=13, color=_INK, mew=1.4)


def _psnr_limits(axes: Axes, values: Sequence[float]) -> None:
    low, high = min(values), max(values)
    margin = max(0.15 * (high - low), (_MIN_SPAN_DB - (high - low)) / 2)
    axes.set_ylim(low - margin, high + margin)


def _time_axis(axes: Axes, medians: Sequence[float], samples: Sequence[float]) -> None:
    """From zero, or logarithmic where the medians are far apart; the label says which."""
    if max(medians) / min(medians) > _LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(min(samples) * 0.8, max(samples) * 1.25)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("ms for one tile (logarithmic; less is better)")
    else:
        axes.set_xlim(0, max(samples) * 1.06)
        axes.set_xlabel("ms for one tile (less is better)")
    axes.grid(True, axis="x", color=_INK, alpha=0.12, lw=0.8)


def _svg(figure: Figure, label: str) -> str:
    """The figure as an `<svg>` element with ids of its own, in the page's text colour."""
    stream = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(stream, format="svg", transparent=True, metadata=metadata)
    text = stream.getvalue()
    text = _COMMENT.sub("", text[text.index("<svg") :]).replace(_INK, "currentColor")
    text = _TAG.sub(lambda tag: _NUMBER.sub(lambda number: f"{float(number[0]):.2f}", tag[0]), text)
    text = _MARKS.sub(_styled_once, text)
    return _own_ids(text, label).replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)


def _styled_once(marks: re.Match[str]) -> str:
    """Marks of one look, with their look told by the group that holds them."""
    looks = set(_LOOK.findall(marks[2]))
    return marks[0] if len(looks) != 1 else f"{marks[1]}{looks.pop()}>{_LOOK.sub('', marks[2])}</g>"


def _own_ids(text: str, label: str) -> str:
    """Short ids that no other chart of the page has."""
    prefix = f"c{sha256(label.encode()).hexdigest()[:6]}"
    names = dict.fromkeys(re.findall(r'\bid="([^"]+)"', text))
    short = {name: f"{prefix}-{number}" for number, name in enumerate(names)}
    return re.sub(r'\b(id="|url\(#|href="#)([^")]+)', lambda found: f"{found[1]}{short.get(found[2], found[2])}", text)
