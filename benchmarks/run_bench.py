"""The verb `bench`: plan, run, show, write, and what the exit code says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text

from benchmarks.gates.speed_gates import judge_requirement
from benchmarks.latency.job import plan_job, time_job
from benchmarks.latency.networks import as_recorded, owned, owners_of, ratios_of
from benchmarks.latency.options import BenchOptions
from benchmarks.latency.plan import BenchPlan, contestants, plan_bench
from benchmarks.latency.plane import planes, score
from benchmarks.latency.roofline import products, with_shares
from benchmarks.latency.rounds import Timed, bench, steps
from benchmarks.latency.speed_limits import Limit, copy_limit, product_limits
from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.latency import PlaneRecord, RatioRecord
from benchmarks.records.result_file import STDOUT, new_result, write_result
from benchmarks.report import kinds
from benchmarks.report.terminal import out, ratio_line
from benchmarks.subjects.subject import Contestant
from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import BackendError, EdgeError, GateError, InputError, SpeedGateError, UnavailableError
from runtimes.bundle.manifest import Artifact
from runtimes.runner.overlap import DEFAULT_OVERLAP


def run_bench(options: BenchOptions, voice: Voice = PLAIN) -> None:
    """Time, print, write the result file, then raise what the exit code says.

    BackendError: a backend crashed. SpeedGateError: a requirement is not shown to hold. GateError: an
    artifact gave no picture or ran another precision than asked for. UnavailableError: nothing, or nothing of
    what was asked for by name, could run here. InputError: wrong options, a bundle that cannot be used, or a damaged
    artifact.
    """
    if options.job is not None:
        _run_job(options, voice)
        return
    plan = plan_bench(options)
    environment = _described(options, voice)
    taking_part, owners = contestants(plan), owners_of(plan.entrants, options)
    timed = measure(plan, taking_part, environment, voice)
    timed = replace(timed, records=tuple(owned(owners, plan.origin, timed.records)))
    placed = place(plan, [it for it in taking_part if it.name in owners], timed, voice)
    console = out(stderr=options.json == STDOUT)
    networks = ", ".join(dict.fromkeys(it.origin.name for it in plan.entrants))
    console.print(Text(f"{networks}: one tile, host to host, rounds of all in turn"))
    result = new_result(environment, (*timed.records, *timed.limits, *ratios_of(timed), *placed), plan.notes)
    kinds.show(console, result)
    required: list[RatioRecord] = []
    try:
        for requirement in plan.requirements:
            required += judge_requirement(requirement, timed.timings, timed.missing, plan.origin.sha256)
    finally:  # what was measured is kept, whatever becomes of the requirement
        if options.json is not None:
            write_result(options.json, replace(result, records=as_recorded(owners, (*result.records, *required))))
    for record in required:
        console.print(Text(ratio_line(record)), soft_wrap=True)
    conclude(timed, required, plan.asked)


def _run_job(options: BenchOptions, voice: Voice) -> None:
    plan_job(options)
    environment = _described(options, voice)
    result = new_result(environment, (time_job(options, voice),))
    kinds.show(out(stderr=options.json == STDOUT), result)
    if options.json is not None:
        write_result(options.json, result)


def _described(options: BenchOptions, voice: Voice) -> Environment:
    environment = describe_environment(options.machine)
    voice.detail(environment.line())
    if environment.busy:
        voice.note(f"warning: {environment.busy}")
    return environment


def measure(plan: BenchPlan, taking_part: Sequence[Contestant], environment: Environment, voice: Voice) -> Timed:
    """Run the plan. What crashes or is not available here is in the records; nothing is raised for it."""
    options = plan.options
    threads = options.threads or environment.threads
    limits = _limits(plan.artifacts, threads) if options.limits else []
    with voice.progress(steps(taking_part, options.runs), beating=False) as step:
        timed = bench(
            taking_part,
            plan.pictures,
            plan.origin,
            runs=options.runs,
            step=step,
            limits=limits,
            threads=threads,
            power_log=options.power_log,
            metered=options.server is None,
        )
    return replace(timed, records=with_shares(timed.records, plan.artifacts, timed.limits))


def place(plan: BenchPlan, networks: Sequence[Contestant], timed: Timed, voice: Voice) -> tuple[PlaneRecord, ...]:
    """Score what was timed on the plan's data, where there are any; who gives no picture there is said and left out."""
    if plan.dataset is None:
        return ()
    entering = [it for it in networks if it.name not in timed.missing]
    scores = {}
    with voice.progress(len(entering)) as step:
        for it in entering:
            step(f"{it.name} on {plan.dataset.name}")
            try:
                scores[it.name] = score(it.opener, plan.dataset, plan.dataset.protocol(it.tile, DEFAULT_OVERLAP))
            except EdgeError as error:
                voice.note(f"{it.name} is not on the plane: {error}")
    return planes(timed.records, scores, plan.dataset)


def conclude(timed: Timed, required: Sequence[RatioRecord], asked: Sequence[str]) -> None:
    """Raise what the exit code says; nothing when all was measured and every requirement holds."""
    if timed.crashed:
        raise BackendError("; ".join(timed.crashed))
    if timed.damaged:
        raise InputError("; ".join(timed.damaged))
    failed = [record for record in required if record.gate == "fail"]
    if failed:
        first = failed[0]
        raise SpeedGateError(f"--require {first.required}: not shown for {first.artifact}: {first.reason}")
    wrong = [record for record in timed.records if record.gate == "fail"]
    if wrong:
        raise GateError(f"{len(wrong)} of {len(timed.records)} failed: {wrong[0].artifact}: {wrong[0].reason}")
    for prefix in asked:
        mine = [record for record in timed.records if record.artifact.startswith(prefix)]
        if all(record.gate == "not run" for record in mine):
            raise UnavailableError(f"could not be timed here: {mine[0].artifact}: {mine[0].reason}")


def _limits(artifacts: Sequence[Artifact], threads: int) -> list[Limit]:
    return [*product_limits(products(artifacts), threads).values(), copy_limit(threads)]
