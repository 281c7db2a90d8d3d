"""The verbs of this room: `demo`, `check`, `bench`, `report`, `fleet-plan`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.accuracy.options import CheckOptions
from benchmarks.latency.fleet.options import FleetPlanOptions
from benchmarks.latency.options import BenchOptions
from dlgsanet.command_line.streams import put_json
from dlgsanet.command_line.verbs import add_verb
from dlgsanet.command_line.voice import Voice, tell
from dlgsanet.errors import UnavailableError


@dataclass(frozen=True)
class DemoOptions:
    """Where the demo puts everything."""

    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for everything.")] = Path("demo")


@dataclass(frozen=True)
class ReportOptions:
    """Of what to make a page, and where."""

    results: Annotated[tuple[Path, ...], typer.Argument(help="Files of `check --json` and `bench --json`.")]
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write.")]
    force: Annotated[bool, typer.Option("--force", help="Replace a page that exists.")] = False


def register(app: typer.Typer) -> None:
    """Add this room's verbs."""
    add_verb(app, "demo", DemoOptions, demo)
    add_verb(app, "check", CheckOptions, check, from_file=True)
    add_verb(app, "bench", BenchOptions, bench, from_file=True)
    add_verb(app, "report", ReportOptions, report)
    add_verb(app, "fleet-plan", FleetPlanOptions, fleet_plan)


def demo(options: DemoOptions, voice: Voice) -> None:
    """Run the whole path on the shipped nano-x4: export, check, bench, report; a few minutes.

    The photographs come with scikit-image; nothing is downloaded.
    """
    from benchmarks.demo import run_demo

    run_demo(options.output, voice)


def check(options: CheckOptions, voice: Voice) -> None:
    """Judge every artifact: against the reference network and against HR.

    Without --data and --photographs it uses the parity pack inside the bundle. Exit code 1: a gate failed; 3:
    nothing could run here; 70: a backend crashed.
    """
    from benchmarks.run_check import run_check
    from dlgsanet.imaging.limits import at_most

    with at_most(options.max_megapixels):
        run_check(options, voice)


def bench(options: BenchOptions, voice: Voice) -> None:
    """Time one tile of every artifact, in interleaved rounds.

    Exit code 4: a --require is not shown to hold; 3: something asked for by name could not run here.
    """
    from benchmarks.run_bench import run_bench

    run_bench(options, voice)


def report(options: ReportOptions, voice: Voice) -> None:
    """Make one self-contained page of one or many machines' results; measures nothing."""
    from benchmarks.report.plan import plan_report

    try:
        from benchmarks.report.page import write_page
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f'report needs the package {error.name}, found none: pip install "dlgsanet-edge[report]"'
        ) from error

    plan = plan_report(options.results, options.output, force=options.force)
    write_page(plan)
    voice.detail(f"from {len(plan.files)} result files")
    tell(f"report: {options.output}")


def fleet_plan(options: FleetPlanOptions, voice: Voice) -> None:
    """Say how many machines a large job takes, from what was measured: hours, energy and money, with their spread.

    A simulation: a driver, actors, a store and failures, by the samples of the files that are given.
    """
    from benchmarks.latency.fleet.plan import lines, plan_fleet, require_chosen

    with voice.progress() as step:
        step("simulating fleets of 1 to 1,000 machines")
        plan = plan_fleet(options)
    if options.as_json:
        put_json(plan.facts())
    else:
        tell(*lines(plan, options))
    require_chosen(plan, options)
