"""The verb `check`: plan, run, show, write, and what the exit code says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from benchmarks.accuracy.blocks import count_steps, measure_blocks
from benchmarks.accuracy.check import Checked, check, steps
from benchmarks.accuracy.engine_kernels import kernel_records
from benchmarks.accuracy.int8_layers import layers_line, layers_records
from benchmarks.accuracy.options import CheckOptions
from benchmarks.accuracy.plan import CheckPlan, plan_check
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.inside import BlockRecord
from benchmarks.records.made_of import KernelRecord, LayersRecord
from benchmarks.records.result_file import STDOUT, Record, new_result, write_result
from benchmarks.report import terminal as show
from benchmarks.report import terminal_blocks as show_blocks
from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import BackendError, GateError, UnavailableError


@dataclass(frozen=True)
class Findings:
    """All that one `check` found: measured, and read from the manifest and the engines' records."""

    environment: Environment
    checked: Checked
    layers: tuple[LayersRecord, ...]
    blocks: tuple[BlockRecord, ...]
    kernels: tuple[KernelRecord, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """In the order of the result file."""
        checked = self.checked
        return (
            *checked.records,
            *checked.rungs,
            *checked.diagnoses,
            *self.layers,
            *self.blocks,
            *self.kernels,
        )


def run_check(options: CheckOptions, voice: Voice = PLAIN) -> None:
    """Check, print, write the result file, then raise what the exit code says.

    BackendError: a backend crashed. GateError: a gate failed. UnavailableError: nothing, or nothing of what
    was asked for by name, could run here. InputError: a bundle or data that cannot be used.
    """
    plan = plan_check(options)
    found = measure(plan, voice)
    _print(show.out(stderr=options.json == STDOUT), plan, found)
    if options.json is not None:
        pictures = (found.checked.crops, found.checked.error_maps) if options.crops else ((), ())
        write_result(options.json, new_result(found.environment, found.records, (plan.note,), *pictures))
    conclude(found.checked, found.blocks, options.artifacts)


def measure(plan: CheckPlan, voice: Voice) -> Findings:
    """Run the plan. What crashes or is not available here is in the records; nothing is raised for it."""
    options, dataset, origin = plan.options, plan.dataset, plan.origin
    environment = describe_environment(options.machine)
    with voice.progress(steps(plan.subjects, dataset)) as step:
        checked = check(
            plan.subjects,
            dataset,
            plan.reference,
            origin,
            max_drop_db=options.max_drop_db,
            ladder=options.ladder,
            step=step,
        )
    blocks: Sequence[BlockRecord] = ()
    if plan.looks:
        with voice.progress(count_steps(plan.looks, dataset)) as step:
            blocks = measure_blocks(plan.looks, dataset, plan.network, origin, step)
    layers = layers_records(plan.artifacts, origin)
    return Findings(environment, checked, layers, tuple(blocks), kernel_records(options.bundle, plan.artifacts, origin))


def conclude(checked: Checked, blocks: Sequence[BlockRecord], prefixes: Sequence[str]) -> None:
    """Raise what the exit code says; nothing when every gate that could be judged passed."""
    artifacts = [it for it in checked.records if it.is_artifact]
    if checked.crashed:
        raise BackendError("; ".join(checked.crashed))
    failed = [it.artifact for it in checked.records if it.gate == "fail"]
    if failed:
        raise GateError(f"{len(failed)} of {len(checked.records)} accuracy gates failed: {', '.join(failed)}")
    for prefix in prefixes or ("",):
        mine = [it for it in artifacts if it.artifact.startswith(prefix)]
        if all(it.gate == "not run" for it in mine):
            raise UnavailableError(f"nothing could be checked here: {_first_reason(mine)}")
    if blocks and all(it.gate == "not run" for it in blocks):
        raise UnavailableError(f"no block could be looked at: {_first_reason(blocks)}")


def _first_reason(records: Sequence[AccuracyRecord | BlockRecord]) -> str:
    return f"{records[0].artifact}: {records[0].reason}" if records else "no artifacts"


def _print(console: Console, plan: CheckPlan, found: Findings) -> None:
    note, checked = plan.note, found.checked
    console.print(Text(f"data: {note.name}, {note.images} images, LR {note.lr_source}; {note.terms}"), soft_wrap=True)
    console.print(Text(f"reference: {plan.reference.description}"))
    console.print(Text(f"protocol: {', '.join(sorted({record.protocol for record in checked.records}))}"))
    console.print(show.accuracy_table(checked.records))
    for line in (*show.reasons(checked.records), *show.mac_lines(checked.records)):
        console.print(Text(line), soft_wrap=True)
    if checked.diagnoses:
        console.print(show.diagnosis_table(checked.diagnoses))
    if checked.rungs:
        console.print(show.ladder_table(checked.rungs))
    for layers in found.layers:
        console.print(Text(layers_line(layers)), soft_wrap=True)
    show_blocks.show(console, found.blocks)
