"""The verb `check`: plan, run, show, write, and what the exit code says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.text import Text

from benchmarks.accuracy.blocks import count_steps, measure_blocks, wrong_block
from benchmarks.accuracy.check import Checked, check, steps
from benchmarks.accuracy.engine_kernels import kernel_records
from benchmarks.accuracy.int8_layers import layers_records
from benchmarks.accuracy.options import CheckOptions
from benchmarks.accuracy.plan import CheckPlan, looks_at, plan_check
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.environment import describe_environment
from benchmarks.records.inside import BlockRecord
from benchmarks.records.result_file import STDOUT, Record, ResultFile, new_result, write_result
from benchmarks.report import kinds, terminal
from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import BackendError, GateError, InputError, UnavailableError

_CPU = "CPU"


@dataclass(frozen=True)
class Findings:
    """All that one `check` found: measured, and read from the manifest and the engines' records."""

    result: ResultFile
    crashed: tuple[str, ...]
    damaged: tuple[str, ...] = ()


def run_check(options: CheckOptions, voice: Voice = PLAIN) -> None:
    """Check, print, write the result file, then raise what the exit code says.

    BackendError: a backend crashed. InputError: a bundle or data that cannot be used, or a changed artifact.
    GateError: a gate failed. UnavailableError: nothing, or nothing of what was asked for by name, could run here.
    """
    plan = plan_check(options)
    for line in plan.notes:
        voice.note(line)
    found = measure(plan, voice)
    _print(terminal.out(stderr=options.json == STDOUT), plan, found.result)
    for record in found.result.of(AccuracyRecord):
        if (seen := terminal.likeness_line(record)) is not None:
            voice.detail(seen)
    if options.json is not None:
        write_result(options.json, found.result)
    conclude(found, plan.asked)


def measure(plan: CheckPlan, voice: Voice) -> Findings:
    """Run the plan. What crashes or is not available here is in the records; nothing is raised for it."""
    options, dataset, origin = plan.options, plan.dataset, plan.origin
    environment = describe_environment(options.machine)
    voice.detail(environment.line())
    with voice.progress(steps(plan.subjects, dataset)) as step:
        checked = check(
            plan.subjects,
            dataset,
            plan.reference,
            origin,
            max_drop_db=options.max_drop_db,
            limits=plan.limits,
            below_bicubic=options.below_bicubic,
            ladder=options.ladder,
            probes_first=options.device.upper() != _CPU,
            step=step,
        )
    blocks: Sequence[BlockRecord] = ()
    looks, network = (plan.looks, plan.network) if plan.looks or not checked.lost else looks_at(plan, checked.lost)
    if looks:
        with voice.progress(count_steps(looks, dataset)) as step:
            blocks = measure_blocks(looks, dataset, network, origin, step)
    records = with_wrong_blocks(checked, blocks)
    layers = layers_records(plan.artifacts, origin)
    kernels = kernel_records(options.bundle, plan.artifacts, origin)
    beside: tuple[Record, ...] = (*checked.rungs, *checked.diagnoses, *layers, *blocks, *kernels)
    pictures = (checked.crops, checked.error_maps) if options.crops else ((), ())
    return Findings(
        new_result(environment, (*records, *beside), (plan.note,), *pictures), checked.crashed, checked.damaged
    )


def with_wrong_blocks(checked: Checked, blocks: Sequence[BlockRecord]) -> tuple[AccuracyRecord, ...]:
    """The records; the reason of what gives another picture on this device names the block that does."""
    named = {record.artifact: wrong_block(record) for record in blocks if record.artifact in checked.lost}
    return tuple(
        replace(it, reason=f"{it.reason}; {named[it.artifact]}") if it.artifact in named else it
        for it in checked.records
    )


def conclude(found: Findings, prefixes: Sequence[str]) -> None:
    """Raise what the exit code says; nothing when every gate that could be judged passed."""
    records, blocks = found.result.of(AccuracyRecord), found.result.of(BlockRecord)
    if found.crashed:
        raise BackendError("; ".join(found.crashed))
    if found.damaged:
        raise InputError("; ".join(found.damaged))
    artifacts = [it for it in records if it.is_artifact]
    if all(it.gate == "not run" for it in artifacts):  # what the reference shows by itself says nothing of them
        raise UnavailableError(f"nothing could be checked here: {_first_reason(artifacts)}")
    if any(it.gate == "fail" for it in records):
        raise GateError(_failures(records))
    for prefix in prefixes:
        mine = [it for it in artifacts if it.artifact.startswith(prefix)]
        if all(it.gate == "not run" for it in mine):
            raise UnavailableError(f"nothing could be checked here: {_first_reason(mine)}")
    if blocks and all(it.gate == "not run" for it in blocks):
        raise UnavailableError(f"no block could be looked at: {_first_reason(blocks)}")


def _failures(records: Sequence[AccuracyRecord]) -> str:
    """What failed, in one line: artifacts by their names, the reference (checkpoint, tiles) by its reason."""
    failed = [it for it in records if it.gate == "fail"]
    why = next((it.reason for it in failed if not it.is_artifact), "")
    if not any(it.is_artifact for it in failed):
        return f"no artifact failed, but {failed[0].artifact} did: {why}"
    names = ", ".join(it.artifact for it in failed)
    return f"{len(failed)} of {len(records)} accuracy gates failed: {names}" + (f" ({why})" if why else "")


def _first_reason(records: Sequence[AccuracyRecord | BlockRecord]) -> str:
    return f"{records[0].artifact}: {records[0].reason}" if records else "no artifacts"


def _print(console: Console, plan: CheckPlan, result: ResultFile) -> None:
    note, protocols = plan.note, sorted({record.protocol for record in result.of(AccuracyRecord)})
    console.print(Text(f"data: {note.name}, {note.images} images, LR {note.lr_source}; {note.terms}"), soft_wrap=True)
    console.print(Text(f"reference: {plan.reference.description}"))
    console.print(Text(f"protocol: {', '.join(protocols)}"))
    kinds.show(console, result)
    console.print(Text(terminal.tally([it.gate for it in result.of(AccuracyRecord) if it.is_artifact])))
