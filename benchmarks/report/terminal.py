"""What `check` and `bench` print: progress on stderr, tables and lines on stdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.latency.plane import front
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.gate_name import GateName
from benchmarks.records.inside import DiagnosisRecord, RungRecord
from benchmarks.records.latency import JobRecord, LatencyRecord, PlaneRecord, PowerState, RatioRecord, to_best_torch
from dlgsanet.command_line.console import PlainConsole
from runtimes.machine.power import NOT_TOLD, said

_WIDTH = 184  # of the widest table
_STYLES: dict[GateName, str] = {"pass": "green", "fail": "bold red", "stated": "yellow", "not run": "yellow"}


def out(*, stderr: bool = False) -> Console:
    """The console on stdout, never so narrow that a table would lose its numbers: a terminal wraps the lines.

    On stderr where stdout is for a result that a program reads.
    """
    return PlainConsole(stderr=stderr, width=max(PlainConsole(stderr=stderr).width, _WIDTH))


def accuracy_table(records: Sequence[AccuracyRecord]) -> Table:
    """One row for each artifact; what was not measured is a dash and says so in its gate."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("artifact", no_wrap=True)
    for name in ("PSNR dB", "SSIM", "drop dB", "worst drop dB", "to ref. dB", "worst", "SSIM drop"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("gate", no_wrap=True)
    for record in records:
        tiling = record.tiling_drop_db if record.role == "reference" else None
        drop = record.drop_db if tiling is None else tiling
        worst = number(record.worst_drop_db, "+.4f")
        if record.worst_image is not None:
            worst += f" {record.worst_image[:18]}"
        identical = "identical" if record.identical else None
        cells = (
            number(record.psnr_db, ".3f"),
            number(record.ssim, ".5f"),
            number(drop, "+.5f"),
            worst,
            identical or number(record.to_reference_db, ".2f"),
            identical or number(record.to_reference_worst_db, ".2f"),
            number(record.ssim_drop, "+.6f"),
        )
        table.add_row(Text(record.artifact), *map(Text, cells), _gate(record.gate))
    if plain := bicubic_row(records):
        figures = number(plain.bicubic_psnr_db, ".3f"), number(plain.bicubic_ssim, ".5f")
        table.add_row("bicubic", *figures, *("-" * 5), "")
    return table


def bicubic_row(records: Sequence[AccuracyRecord]) -> AccuracyRecord | None:
    """The first record that has bicubic's figures: they are the same for all of one data set."""
    return next((it for it in records if it.bicubic_psnr_db is not None), None)


def tally(gates: Sequence[GateName]) -> str:
    """`5 passed, 1 not run`: how the artifacts fared, in the order of concern."""
    words: tuple[tuple[GateName, str], ...] = (
        ("fail", "failed"),
        ("pass", "passed"),
        ("stated", "stated"),
        ("not run", "not run"),
    )
    return ", ".join(f"{gates.count(gate)} {word}" for gate, word in words if gate in gates)


def likeness_line(record: AccuracyRecord) -> str | None:
    """What eyes would see of an artifact, in one line; None where it was not measured."""
    it = record.likeness
    if it is None:
        return None
    levels = {"shift of an image": it.image_shift, "speck": it.speck, "line": it.line, "step": it.step, "dots": it.dots}
    levels |= {f"patch of {it.patch_image}": it.patch, "colour": it.chroma}
    some = {"blacks": it.blacks, "whites": it.whites, "seams": it.seams}
    shares = {"contrast": it.contrast, "saturation": it.saturation, "detail": it.detail}
    shares |= {"colour detail": it.colour_detail}
    said = [f"shift {' '.join(number(value, '+.3f') for value in it.shift)}"]
    said += [f"{name} {number(value, '.3f')}" for name, value in levels.items()]
    said += [f"{name} {number(value, '+.3f')}" for name, value in some.items()]
    said += [f"{name} {number(None if gain is None else 100 * gain, '+.2f')} %" for name, gain in shares.items()]
    if record.probes:
        worst = max(record.probes, key=lambda probe: probe.patch)
        said.append(f"worst patch of {len(record.probes)} probe tiles {worst.patch:.3f} ({worst.probe})")
    return f"{record.artifact}, levels of 255: {', '.join(said)}"


def latency_table(records: Sequence[LatencyRecord]) -> Table:
    """One row for each artifact or peer, median with its 95 % interval."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("artifact", no_wrap=True)
    for name in ("p50 ms", "95 % interval", "p95", "p99", "alone", "output MP/s", "load ms", "peak MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("device", "precision", "gate"):
        table.add_column(name, no_wrap=True)
    for record in records:
        interval = "-"
        if record.p50_low_ms is not None and record.p50_high_ms is not None:
            interval = f"{record.p50_low_ms:.2f} .. {record.p50_high_ms:.2f}"
        cells = (
            number(record.p50_ms, ".2f"),
            interval,
            number(record.p95_ms, ".2f"),
            number(record.p99_ms, ".2f"),
            number(record.alone_p50_ms, ".2f"),
            number(record.output_megapixels_per_s, ".2f"),
            number(record.load_ms, ".0f"),
            number(record.peak_rss_mb, ".0f"),
            (record.device or "-")[:24],
            record.reported_precision or "-",
        )
        table.add_row(Text(record.artifact), *map(Text, cells), _gate(record.gate))
    return table


def plane_table(record: PlaneRecord) -> Table:
    """Accuracy against time, from the fastest."""
    title = f"accuracy against time, {record.tile[0]}x{record.tile[1]}"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left")
    table.add_column("network as", no_wrap=True)
    for name in ("PSNR dB", "SSIM", "p50 ms", "of the fastest", "on the front"):
        table.add_column(name, justify="right", no_wrap=True)
    best = front(record.points)
    for it in record.points:
        cells = (
            number(it.psnr_db, ".3f"),
            number(it.ssim, ".5f"),
            number(it.p50_ms, ".2f"),
            number(it.p50_ms / record.points[0].p50_ms, ".2f"),
            "yes" if it in best else "no",
        )
        table.add_row(Text(it.artifact), *map(Text, cells))
    return table


def job_table(record: JobRecord) -> Table:
    """Where the time of a whole job went."""
    title = f"{record.model} by {record.artifact}: {job_name(record)}"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left")
    table.add_column("stage", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    table.add_column("of the time", justify="right", no_wrap=True)
    for stage, seconds in job_stages(record):
        table.add_row(stage, f"{seconds:.3f}", f"{100 * seconds / record.seconds:.0f} %")
    return table


def job_name(record: JobRecord) -> str:
    """`folder of 40 pictures, 55.30 megapixels`."""
    counts = {"picture": "picture", "folder": f"folder of {record.images} pictures"}
    return f"{counts.get(record.job, f'video of {record.images} frames')}, {record.input_megapixels:.2f} megapixels"


def job_stages(record: JobRecord) -> list[tuple[str, float]]:
    """Every stage with its seconds, then what the engine's thread waited."""
    stages = [(stage, value / 1e3) for stage, value in record.stages_ms.items()]
    return [*stages, ("waiting for others", record.waiting_ms / 1e3)]


def power_lines(records: Sequence[LatencyRecord]) -> list[str]:
    """What the machine ran on while tiles were timed, and what one took; nothing where no file tells."""
    told = {it.artifact: it.power for it in records if it.power is not None}
    lines = list(dict.fromkeys(_circumstances(power) for power in told.values()))
    for source in dict.fromkeys(power.energy_source for power in told.values()):
        mine = {name: it.joules for name, it in told.items() if it.energy_source == source and it.joules is not None}
        tiles = ", ".join(f"{name} {joules:.3g} J" for name, joules in mine.items())
        lines.append(f"energy of a tile, by {source}: {tiles}" if mine else f"energy: {source}")
    return lines


def _circumstances(power: PowerState | JobRecord) -> str:
    return (
        f"power: {power.supply or f'mains or battery {NOT_TOLD}'}; governor: {power.governor or NOT_TOLD}; "
        f"temperature before: {said(power.celsius_before)}; after: "
        f"{said(power.celsius_after)}"
    )


def job_lines(record: JobRecord) -> list[str]:
    """Speed, energy and circumstances of a job."""
    energy = "" if record.joules is None else f"{record.joules:.0f} J by "
    per_megapixel = "" if record.joules is None else f", {record.joules / record.output_megapixels:.2f} J a megapixel"
    share = f"the engine has {100 * record.engine_share:.0f} % of it"
    rate = f", {record.images_per_s:.2f} {'frames' if record.job == 'video' else 'pictures'}/s"
    return [
        f"{record.seconds:.2f} s after {record.start_seconds:.2f} s to the first: {record.output_megapixels_per_s:.2f} "
        f"output megapixels/s{rate if record.images > 1 else ''}; {share}",
        f"energy: {energy}{record.energy_source}{per_megapixel}",
        _circumstances(record),
    ]


def ladder_table(rungs: Sequence[RungRecord]) -> Table:
    """The dB ladder, one row for each step."""
    table = Table(box=None, header_style="bold", pad_edge=False, title="ladder", title_justify="left")
    table.add_column("step", no_wrap=True)
    table.add_column("made from", no_wrap=True)
    for name in ("PSNR dB", "drop dB", "dB to it", "worst", "dB to the top"):
        table.add_column(name, justify="right", no_wrap=True)
    for rung in rungs:
        nothing_lost = "identical" if rung.identical else None
        cells = (
            rung.step,
            rung.before or "-",
            number(rung.psnr_db, ".3f"),
            number(rung.drop_db, "+.5f"),
            nothing_lost or number(rung.to_before_db, ".2f"),
            nothing_lost or number(rung.to_before_worst_db, ".2f"),
            number(rung.to_top_db, ".2f"),
        )
        table.add_row(*map(Text, cells))
    return table


def diagnosis_table(diagnoses: Sequence[DiagnosisRecord]) -> Table:
    """How pictures below fp32 differ from the reference's; shares in per mille, the rest in 8-bit levels."""
    title = "against the reference (levels of 255; clipped: more than the reference, per mille)"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left")
    table.add_column("artifact", no_wrap=True)
    names = ("black", "white", "shift R", "G", "B", "error low", "middle", "high freq.", "flat", "textured")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for record in diagnoses:
        clipped = (f"{1e3 * share:+.2f}" for share in (record.black, record.white))
        errors = (f"{value:.3f}" for value in (*record.bands, record.flat, record.textured))
        table.add_row(Text(record.artifact), *clipped, *(f"{value:+.3f}" for value in record.shift), *errors)
    return table


def reasons(records: Sequence[AccuracyRecord | LatencyRecord | RatioRecord]) -> list[str]:
    """A line for each record that is not a plain pass; an artifact that did not run says `not run here`."""
    lines = []
    for record in records:
        if record.reason:
            gate = "not run here" if record.gate == "not run" else record.gate
            lines.append(f"{record.artifact}: {gate}: {record.reason}")
    return lines


def macs(mac_shares: Mapping[str, float]) -> str:
    """`60 % bf16, 40 % int8`; two digits more where none would call a part nothing or all; a dash for no shares."""

    def said(share: float) -> str:
        return f"{100 * share:.0f}" if 0.01 <= share < 0.995 or share == 1 else f"{100 * share:.2f}"

    return ", ".join(f"{said(share)} % {name}" for name, share in mac_shares.items()) or "-"


def mac_lines(records: Sequence[AccuracyRecord | LatencyRecord]) -> list[str]:
    """In which precisions the engines say that the multiply-adds ran; equal answers share a line."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.mac_shares and record.gate != "not run":
            found.setdefault(macs(record.mac_shares), []).append(record.artifact)
    return [f"MACs: {said}: {', '.join(names)}" for said, names in found.items()]


def ratio_line(record: RatioRecord) -> str:
    """A comparison in words; "faster" stands only where the intervals separate."""
    figures = f"{record.ratio:.3f} [{record.ratio_low:.3f}, {record.ratio_high:.3f}] of the time of {record.other}"
    if record.order == "faster":
        said = f"faster, {1 / record.ratio:.2f} times"
    elif record.order == "slower":
        said = f"slower, {record.ratio:.2f} times"
    else:
        said = "not separable: the 95 % intervals overlap"
    line = f"{record.artifact}: {figures}: {said}"
    return line if record.required is None else f"{record.required}: {record.gate}: {line}"


def shown_ratios(ratios: Sequence[RatioRecord]) -> list[RatioRecord]:
    """Those against the fastest form of torch if any was timed, else every pair; requirements always."""
    best = to_best_torch(ratios)
    required = [ratio for ratio in ratios if ratio.required is not None]
    return [*best.values(), *required] if best else list(ratios)


def number(value: float | None, form: str) -> str:
    """The number in a format, a dash for none; what rounds to zero has no sign."""
    if value is None:
        return "-"
    text = format(value, form)
    return text.lstrip("+-") if text[0] in "+-" and not float(text) else text


def _gate(gate: GateName) -> Text:
    return Text("not run here" if gate == "not run" else gate, style=_STYLES[gate])
