"""Which schedule learns most: arms that differ in one thing, from one seed, each to the end of its schedule.

`python -m benchmarks.studies.training.schedule run ARMS.toml --folder FOLDER` trains them one after the other (an
interrupted one goes on; several processes may share the arms by --arm), `... collect FOLDER/* -o FILE --plot FILE.png`
keeps the curves and draws them. Leads that are seen early vanish later: only whole schedules decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import InputError, unknown
from dlgsanet.storage.toml_file import read_toml
from dlgsanet.training.configuration.read import TrainConfig, config_from_dict, read_config
from runtimes.file_formats.markdown import markdown_table

LOG = "log.jsonl"
STAGES = "stages"
Setting = str | int | float | bool | list[str] | list[dict[str, object]]  # lists: of folders, and [[stages]]


@dataclass(frozen=True)
class Arms:
    """A base configuration (beside the file that names it), what all arms change of it, and what each one does:
    `table.key` -> value."""

    base: str
    arms: Mapping[str, Mapping[str, Setting]]
    all: Mapping[str, Setting]


@dataclass(frozen=True)
class Curve:
    """One run as its log tells it: at each validation the step, seconds of steps until then, PSNR in dB and SSIM of
    the moving average (Y, 8 bits, border = scale)."""

    name: str
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]


@dataclass(frozen=True)
class Curves(StudyFile):
    """The result file."""

    curves: tuple[Curve, ...]


def read_arms(path: Path) -> Arms:
    """Read a TOML file with `base`, `[all]` and `[arms.NAME]`. Raises InputError for anything else in it."""
    content = read_toml(path)
    arms, base = content.get("arms", {}), content.get("base")
    if content.keys() - {"base", "all", "arms"} or not isinstance(arms, dict) or not isinstance(base, str) or not arms:
        raise InputError(f"expected base, [all] and [arms.NAME] in {path}, found {', '.join(content) or 'nothing'}")
    return Arms(base, {name: _settings(table, name) for name, table in arms.items()}, _settings(content.get("all", {})))


def _settings(table: object, name: str = "all") -> Mapping[str, Setting]:
    if not isinstance(table, dict) or not all(_is_setting(v) or k == STAGES for k, v in table.items()):
        raise InputError(f"expected 'table.key' = value in [{name}], found {table!r}: quote the keys")
    return table


def _is_setting(value: object) -> bool:
    several = value if isinstance(value, list) else [value]
    return all(isinstance(one, (str, int, float, bool)) for one in several)


def configuration(base: TrainConfig, changes: Mapping[str, Setting]) -> TrainConfig:
    """The base with some `table.key` set. Raises InputError for a key that no table has."""
    tables = base.stored()
    for place, value in changes.items():
        table, _, key = place.partition(".")
        if place == STAGES:
            tables[STAGES] = value
            continue
        if not isinstance(tables.get(table), dict):
            raise unknown("table", table, [name for name, held in tables.items() if isinstance(held, dict)])
        tables[table][key] = value
    return config_from_dict(tables)


def curve(folder: Path) -> Curve:
    """The validations in a run's log. Raises InputError where there is none."""
    seconds, found = 0.0, []
    try:
        records = [json.loads(line) for line in (folder / LOG).read_text(encoding="utf-8").splitlines()]
        for record in records:
            seconds = record.get("seconds", seconds)
            if "psnr_db" in record:
                found.append((int(record["step"]), float(seconds), float(record["psnr_db"]), float(record["ssim"])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"expected the log of a run in {folder}, found: {error}") from error
    if not found:
        raise InputError(f"expected validations in {folder / LOG}, found none: set data.validation")
    steps, times, psnr, ssim = zip(*found, strict=True)
    return Curve(folder.name, steps, times, psnr, ssim)


def table(curves: Sequence[Curve]) -> str:
    """Where each run stood at each quarter of what it has done, in Markdown."""
    head = ("run", "steps", "hours", "a quarter", "half", "three quarters", "end: PSNR, dB / SSIM")
    rows = []
    for one in curves:
        last = len(one.steps) - 1
        quarters = [f"{one.psnr_db[last * part // 4]:.2f} ({one.steps[last * part // 4]:,})" for part in (1, 2, 3)]
        end = f"{one.psnr_db[-1]:.2f} / {one.ssim[-1]:.4f}"
        rows.append((one.name, f"{one.steps[-1]:,}", f"{one.seconds[-1] / 3600:.1f}", *quarters, end))
    return markdown_table(head, rows)


def plot(curves: Sequence[Curve], path: Path) -> None:
    """PSNR over steps, a line for each run, the end of each in figures; a panel for each scale, which have decibels of
    their own."""
    from matplotlib.figure import Figure

    scales = sorted({_scale_of(one) for one in curves}, reverse=True)
    figure = Figure(figsize=(8, 2 + 2.5 * len(scales)), layout="constrained")
    panels = figure.subplots(len(scales), sharex=True, squeeze=False)[:, 0]
    for axes, scale in zip(panels, scales, strict=True):
        for one in sorted((it for it in curves if _scale_of(it) == scale), key=lambda it: -it.psnr_db[-1]):
            axes.plot(one.steps, one.psnr_db, marker=".", label=f"{one.name}: {one.psnr_db[-1]:.2f} dB")
        axes.set_ylabel("validation, dB")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    panels[-1].set_xlabel("steps")
    figure.savefig(path, dpi=110)


def _scale_of(curve: Curve) -> str:
    """As names of networks say it; nothing in those of arms, which are all of one."""
    found = re.search(r"-x([234])\b", curve.name)
    return found[1] if found else ""


app = typer.Typer(add_completion=False)


@app.command()
def run(
    arms: Annotated[Path, typer.Argument(help="TOML: base, [all], [arms.NAME] with 'table.key' = value.")],
    folder: Annotated[Path, typer.Option(help="A folder for each arm lies here.")],
    arm: Annotated[list[str] | None, typer.Option(help="Only this arm; repeat for several.")] = None,
    cache: Annotated[Path, typer.Option(help="Where prepared pixels are kept.")] = Path("runs/cache"),
) -> None:
    """Train the arms, one after the other; what is done stays."""
    from dlgsanet.training.run import train

    known = read_arms(arms)
    base = read_config(arms.parent / known.base)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for name in arm or known.arms:
        if name not in known.arms:
            raise unknown("arm", name, list(known.arms))
        console.print(f"arm {name}", markup=False)
        train(configuration(base, {**known.all, **known.arms[name]}), folder / name, cache, console)


@app.command()
def collect(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    picture: Annotated[Path | None, typer.Option("--plot", help="Draw the curves into this file.")] = None,
) -> None:
    """Keep the curves of runs, and draw them."""
    curves = tuple(curve(folder) for folder in runs)
    write_study(output, Curves(curves))
    if picture:
        plot(curves, picture)


if __name__ == "__main__":
    run_study(app)
