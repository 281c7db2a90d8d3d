"""What the report's page shows, computed from the results; the template only places it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.gates.int8_worth import int8_lines
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.identity import Role
from benchmarks.records.inside import BlockRecord, BlockRow
from benchmarks.records.latency import LatencyRecord, RatioRecord
from benchmarks.records.pictures import Crop, ErrorMap
from benchmarks.records.result_file import Record, kind_of
from benchmarks.records.statistics import Interval
from benchmarks.report import charts
from benchmarks.report import terminal as show
from benchmarks.report.advice.advise import Advice, advise, missing
from benchmarks.report.advice.machines import Machine, MeasuredModel
from benchmarks.report.charts import BlockLine, Point, Strip, Style
from benchmarks.report.kinds import KINDS
from benchmarks.report.sheets import Sheet, make_sheet
from benchmarks.report.terminal_blocks import by_name, line, worst

MapView = tuple[ErrorMap, tuple[Sheet, ...]]


@dataclass(frozen=True)
class Fact:
    """One row of the table of machines; `differs` marks what may explain different figures."""

    name: str
    values: tuple[str, ...]
    differs: bool


@dataclass(frozen=True)
class Cell:
    """One artifact on one machine; without latency and accuracy nothing was measured there."""

    name: str
    role: Role
    latency: LatencyRecord | None
    accuracy: tuple[AccuracyRecord, ...]

    @property
    def state(self) -> str:
        """pass, fail, stated, unjudged (timed, accuracy unknown) or not run: the worst of all that is
        known."""
        found = {it.gate for it in self.accuracy} | ({self.latency.gate} if self.latency else set())
        if "fail" in found:
            return "fail"
        judged = {it.gate for it in self.accuracy}
        if judged & {"pass", "stated"}:
            return "stated" if "stated" in judged else "pass"
        if self.latency is None or not self.latency.samples_ms:
            return "not run"
        return "unjudged" if self.role == "artifact" else "peer"

    @property
    def reason(self) -> str:
        """Why it is not a plain pass."""
        reasons = [it.reason for it in self.accuracy] + ([self.latency.reason] if self.latency else [])
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


@dataclass(frozen=True)
class AccuracyTable:
    """The accuracy records of one protocol: nothing in it was measured differently."""

    dataset: str
    protocol: str
    rows: tuple[tuple[str, AccuracyRecord], ...]  # machine label, record


@dataclass(frozen=True)
class Chart:
    """An SVG element and what it shows, in words."""

    title: str
    alt: str
    svg: str


@dataclass(frozen=True)
class BlockView:
    """Errors by block of all artifacts that were looked into on one data set, and a line for each artifact."""

    chart: Chart | None
    artifacts: tuple[str, ...]
    rows: tuple[tuple[str, tuple[BlockRow | None, ...]], ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class MachineView:
    """One model on one machine; `records` are by kind, in the order in which the page has them. `missing`: what is said
    where there is no advice."""

    machine: Machine
    advice: Advice | None
    missing: tuple[str, ...]
    int8: tuple[str, ...]
    charts: tuple[Chart, ...]
    blocks: tuple[BlockView, ...]
    records: Mapping[str, tuple[Record, ...]]


@dataclass(frozen=True)
class ModelView:
    """One checkpoint: an overview (artifacts x machines), charts `across` machines, then the details. `title`: its
    name, with the beginning of its hash where others have it, too."""

    title: str
    model: MeasuredModel
    machines: tuple[MachineView, ...]
    overview: tuple[tuple[str, tuple[Cell, ...]], ...]
    tables: tuple[AccuracyTable, ...]
    across: tuple[Chart, ...]
    crops: tuple[tuple[Crop, Sheet], ...]
    error_maps: tuple[tuple[str, tuple[MapView, ...]], ...]


def model_view(model: MeasuredModel, everywhere: Sequence[Machine], title: str = "") -> ModelView:
    """Everything about one model on all machines, those that never ran it included; `title` in place of its name."""
    mine = [machine.of_model(model.sha256) for machine in everywhere]
    roles = roles_of(mine)
    names = list(roles)
    style = charts.styles(names)
    key = f"m{model.sha256[:6]}"
    views = tuple(
        _machine_view(machine, missing(machine, model, everywhere), style, f"{key}-{i}")
        for i, machine in enumerate(mine)
    )
    overview = tuple((name, tuple(_cell(machine, name, role) for machine in mine)) for name, role in roles.items())
    crops = [(it, make_sheet(f"{key}-crop-{i}", it.box, it.pictures)) for i, it in enumerate(merge_crops(model.crops))]
    across = tuple(_across(mine, style, key))
    return ModelView(
        title or model.name, model, views, overview, _tables(mine), across, tuple(crops), _error_maps(model, key)
    )


def _error_maps(model: MeasuredModel, key: str) -> tuple[tuple[str, tuple[MapView, ...]], ...]:
    """By artifact, each with its pictures; the error is like neither of the others."""
    found: dict[str, list[MapView]] = {}
    for i, it in enumerate(model.error_maps):
        pair = make_sheet(f"{key}-map-{i}", it.box, {"artifact": it.picture, "reference": it.reference})
        error = make_sheet(f"{key}-error-{i}", it.box, {"error": it.error})
        found.setdefault(it.artifact, []).append((it, (pair, error)))
    return tuple((name, tuple(maps)) for name, maps in sorted(found.items()))


def _across(machines: Sequence[Machine], style: Mapping[str, Style], key: str) -> Iterator[Chart]:
    """A chart for every tile that was timed on more than one machine."""
    timed = {machine.label: [it for it in machine.of(LatencyRecord) if it.samples_ms] for machine in machines}
    for tile in sorted({it.tile for records in timed.values() for it in records}):
        rows = {name: [it for it in records if it.tile == tile] for name, records in timed.items()}
        rows = {name: records for name, records in rows.items() if records}
        if len(rows) < 2:
            continue
        size = f"{tile[0]}x{tile[1]}"
        shown = {name: {it.artifact: _interval(it) for it in records} for name, records in rows.items()}
        fastest = {name: min(times.items(), key=lambda it: it[1].value) for name, times in shown.items()}
        alt = "; ".join(f"{name}: fastest is {it} with {time.value:.2f} ms" for name, (it, time) in fastest.items())
        svg = charts.machines_chart(shown, style, f"{key}-across-{size}")
        yield Chart(f"One tile of {size} LR pixels across machines", alt, svg)


def roles_of(machines: Sequence[Machine]) -> dict[str, Role]:
    """Name -> what it is: artifacts in the order of their names, then peers and the reference."""
    found: dict[str, Role] = {}
    for machine in machines:
        for record in (*machine.of(AccuracyRecord), *machine.of(LatencyRecord), *machine.of(BlockRecord)):
            found[record.artifact] = record.role
    return dict(sorted(found.items(), key=lambda item: (item[1] != "artifact", item[0])))


def machine_facts(machines: Sequence[Machine]) -> list[Fact]:
    """Environments side by side, circumstances last."""
    environments = [machine.environment for machine in machines]
    packages = sorted({name for it in environments for name in it.packages})
    loads = [
        ", ".join(f"{it.load_average:.1f}" for it in machine.environments if it.load_average is not None) or "-"
        for machine in machines
    ]
    states = sorted({name for it in environments for name in it.device_state})
    rows: list[tuple[str, list[str]]] = [
        ("processor", [it.cpu for it in environments]),
        ("cores, usable / all", [f"{it.threads} / {it.cores}" for it in environments]),
        ("instruction sets", [" ".join(it.instruction_sets) or "-" for it in environments]),
        ("memory", [f"{it.memory_gb:g} GB" for it in environments]),
        ("system", [f"{it.system}, {it.architecture}" for it in environments]),
        ("Python", [it.python for it in environments]),
        ("dlgsanet-edge", [it.project for it in environments]),
        *((name, [it.packages.get(name, "-") for it in environments]) for name in packages),
        ("frequency governor", [it.governor or "-" for it in environments]),
        ("load before measuring", loads),
        *(
            (f"device: {name.replace('_', ' ')}", [it.device_state.get(name, "-") for it in environments])
            for name in states
        ),
    ]
    return [Fact(name, tuple(values), len(set(values)) > 1) for name, values in rows]


def merge_crops(crops: Sequence[Crop]) -> tuple[Crop, ...]:
    """One crop for each place of each image, with the pictures of all files; the first of one name stands."""
    merged: dict[tuple[object, ...], Crop] = {}
    for crop in crops:
        key = (crop.dataset, crop.image, crop.box)
        known: Mapping[str, str] = merged[key].pictures if key in merged else {}
        merged[key] = Crop(crop.image, crop.dataset, crop.model_sha256, crop.box, {**crop.pictures, **known})
    order = {"HR": 0, "bicubic": 1}
    return tuple(
        Crop(
            crop.image,
            crop.dataset,
            crop.model_sha256,
            crop.box,
            dict(sorted(crop.pictures.items(), key=lambda item: (order.get(item[0], 2), item[0]))),
        )
        for crop in merged.values()
    )


def _cell(machine: Machine, name: str, role: Role) -> Cell:
    latency = next((it for it in machine.of(LatencyRecord) if it.artifact == name), None)
    return Cell(name, role, latency, tuple(it for it in machine.of(AccuracyRecord) if it.artifact == name))


def _tables(machines: Sequence[Machine]) -> tuple[AccuracyTable, ...]:
    grouped: dict[str, list[tuple[str, AccuracyRecord]]] = {}
    for machine in machines:
        for record in machine.of(AccuracyRecord):
            grouped.setdefault(record.protocol, []).append((machine.label, record))
    return tuple(
        AccuracyTable(rows[0][1].dataset, protocol, tuple(sorted(rows, key=_row_order)))
        for protocol, rows in sorted(grouped.items())
    )


def _row_order(row: tuple[str, AccuracyRecord]) -> tuple[bool, str, str]:
    label, record = row
    return not record.is_artifact, record.artifact, label


def _machine_view(machine: Machine, lacks: tuple[str, ...], style: Mapping[str, Style], key: str) -> MachineView:
    advice = advise(machine)
    latency, ratios = machine.of(LatencyRecord), machine.of(RatioRecord)
    timed = [it for it in latency if it.samples_ms]
    found = []
    for tile in sorted({it.tile for it in timed}):
        mine = [it for it in timed if it.tile == tile]
        words = f"{tile[0]}x{tile[1]} LR pixels"
        strips = [Strip(it.artifact, _interval(it), it.samples_ms) for it in mine]
        alt = "; ".join(f"{it.artifact} {it.p50_ms:.2f} ms" for it in mine)
        svg = charts.latency_chart(strips, style, f"{key}-latency-{tile[0]}x{tile[1]}")
        found.append(Chart(f"Latency of one tile of {words}", alt, svg))
        found += _psnr_charts(machine, mine, advice, style, f"{key}-psnr-{tile[0]}x{tile[1]}")
    records: dict[str, tuple[Record, ...]] = {kind.name: machine.of(kind.record) for kind in KINDS}
    by_time = sorted(latency, key=lambda it: (it.p50_ms is None, it.p50_ms or 0.0))
    records[kind_of(LatencyRecord)] = tuple(by_time)
    records[kind_of(RatioRecord)] = tuple(show.shown_ratios(ratios))
    int8 = tuple(int8_lines(latency, ratios))
    return MachineView(machine, advice, lacks, int8, tuple(found), _block_views(machine, style, key), records)


def _block_views(machine: Machine, style: Mapping[str, Style], key: str) -> tuple[BlockView, ...]:
    views = []
    for number, dataset in enumerate(sorted({it.dataset for it in machine.of(BlockRecord)})):
        mine = [it for it in machine.of(BlockRecord) if it.dataset == dataset]
        shown = tuple(it for it in mine if it.blocks)
        rows = tuple(by_name(shown))
        chart = None
        if shown:
            lines = [
                BlockLine(
                    it.artifact,
                    [row.total_db if row else None for row in column],
                    [row.added_db if row else None for row in column],
                )
                for it, column in zip(shown, zip(*(found for _, found in rows), strict=True), strict=True)
            ]
            names = [name for name, _ in rows]
            svg = charts.block_chart(lines, names, style, f"{key}-blocks-{number}")
            alt = "; ".join(f"{it.artifact}: most is added by {worst(it)[0].name}" for it in shown if worst(it))
            chart = Chart(f"Signal to error by block, tiles of {dataset}", alt, svg)
        views.append(BlockView(chart, tuple(it.artifact for it in shown), rows, tuple(line(it) for it in mine)))
    return tuple(views)


def _psnr_charts(
    machine: Machine, timed: Sequence[LatencyRecord], advice: Advice | None, style: Mapping[str, Style], key: str
) -> list[Chart]:
    """One chart for each protocol: points of different protocols do not belong together."""
    found = []
    latency = {it.artifact: it for it in timed}
    for number, protocol in enumerate(sorted({it.protocol for it in machine.of(AccuracyRecord)})):
        records = [it for it in machine.of(AccuracyRecord) if it.protocol == protocol]
        points = [
            Point(
                it.artifact,
                _interval(latency[it.artifact]),
                it.psnr_db,
                it.gate == "pass" or not it.is_artifact,
                advice is not None and it.artifact == advice.artifact,
            )
            for it in records
            if it.psnr_db is not None and it.artifact in latency
        ]
        if not points:
            continue
        references = [it.psnr_db for it in records if it.role == "reference" and it.psnr_db]
        svg = charts.psnr_chart(points, references[0] if references else None, style, f"{key}-{number}")
        alt = "; ".join(f"{it.name} {it.psnr_db:.3f} dB at {it.median.value:.2f} ms" for it in points)
        found.append(Chart(f"PSNR on {records[0].dataset} over latency ({protocol})", alt, svg))
    return found


def _interval(record: LatencyRecord) -> Interval:
    middle, low, high = record.p50_ms, record.p50_low_ms, record.p50_high_ms
    if middle is None or low is None or high is None:
        raise ValueError(f"{record.artifact} was not timed")
    return Interval(middle, low, high)
