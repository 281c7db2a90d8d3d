"""`report`: one self-contained HTML page from result files; it measures nothing and loads nothing.

The files may come from anybody: everything is escaped, and the page forbids itself scripts and the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.accuracy.error_maps import gradient
from benchmarks.accuracy.int8_layers import layers_line
from benchmarks.gates import limits as gates
from benchmarks.records.result_file import ResultFile
from benchmarks.report import page_view as report_view
from benchmarks.report import terminal as show
from benchmarks.report.advice.machines import Machine, MeasuredModel, datasets
from benchmarks.report.advice.machines import machines as machines_of
from benchmarks.report.advice.machines import models as models_of
from benchmarks.report.kinds import KINDS
from benchmarks.report.plan import ReportPlan, plan_report
from benchmarks.report.plane_view import plane_views
from dlgsanet import __version__
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import write_text


def write_report(results: Sequence[Path], output: Path) -> None:
    """Read the result files and write the page, atomically; one that is there is replaced. Raises InputError."""
    write_page(plan_report(results, output, force=True))


def write_page(plan: ReportPlan) -> None:
    """Write the page, atomically. Raises InputError for a place that cannot be written."""
    write_text(plan.output, render(plan.files))


def render(files: Sequence[ResultFile]) -> str:
    """The page. Raises InputError if the files hold no records at all."""
    models = models_of(files)
    if not models:
        raise InputError("the result files hold no records; measure with `check --json` or `bench --json`")
    machines = machines_of(files)
    views = _views(models, machines)
    page = _environment().get_template("report.html.j2")
    return page.render(
        project=__version__,
        created=sorted(result.created for result in files),
        machines=machines,
        facts=report_view.machine_facts(machines),
        sections=[kind.section for kind in KINDS if kind.section],
        planes=plane_views(machines),
        models=views,
        absent=[(view.title, labels) for view in views if (labels := _silent(view))],
        datasets=datasets(files),
        gates={name: limits for name, limits in gates.GATES.items() if limits},
        error_colours=gradient(),
        tiling_limit=gates.TILING_DROP_MEAN_DB,
    )


def _views(models: Sequence[MeasuredModel], machines: Sequence[Machine]) -> list[report_view.ModelView]:
    """Each model with a title of its own."""
    names = [model.name for model in models]
    titles = [it.name if names.count(it.name) == 1 else f"{it.name} ({it.sha256[:4]})" for it in models]
    return [report_view.model_view(it, machines, title) for it, title in zip(models, titles, strict=True)]


def _silent(view: report_view.ModelView) -> list[str]:
    """The machines that say nothing of a model."""
    return [on.machine.label for on in view.machines if not on.advice and not on.missing]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("benchmarks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = show.number
    environment.filters["job_name"] = show.job_name
    environment.filters["job_stages"] = show.job_stages
    environment.filters["job_lines"] = show.job_lines
    environment.filters["power_lines"] = show.power_lines
    environment.filters["macs"] = show.macs
    environment.filters["likeness"] = show.likeness_line
    environment.filters["layers"] = layers_line
    environment.filters["svg"] = _trusted_svg
    environment.filters["commands"] = _commands
    return environment


def _trusted_svg(svg: str) -> Markup:
    """Our own charts go into the page as they are; matplotlib has escaped the names inside."""
    return Markup(svg)


def _commands(line: str) -> Markup:
    """What stands in backquotes, as code; everything is escaped."""
    parts = line.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(it) if i % 2 else it for i, it in enumerate(parts))
