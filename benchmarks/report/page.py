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
from benchmarks.report import advice
from benchmarks.report import page_view as report_view
from benchmarks.report import terminal as show
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
    models = advice.models(files)
    if not models:
        raise InputError("the result files hold no records; measure with `check --json` or `bench --json`")
    machines = advice.machines(files)
    page = _environment().get_template("report.html.j2")
    return page.render(
        project=__version__,
        created=sorted(result.created for result in files),
        machines=machines,
        facts=report_view.machine_facts(machines),
        sections=[kind.section for kind in KINDS if kind.section],
        planes=plane_views(machines),
        models=[report_view.model_view(model, machines) for model in models],
        datasets=advice.datasets(files),
        gates={name: limits for name, limits in gates.GATES.items() if limits},
        error_colours=gradient(),
        tiling_limit=gates.TILING_DROP_MEAN_DB,
    )


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
    return environment


def _trusted_svg(svg: str) -> Markup:
    """Our own charts go into the page as they are; matplotlib has escaped the names inside."""
    return Markup(svg)
