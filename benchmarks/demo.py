"""`demo`: the whole path as a user would walk it, one command of `dlgsanet` after the other."""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.text import Text

from benchmarks.report import terminal as show
from benchmarks.subjects.datasets import open_photographs
from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import (
    BackendError,
    EdgeError,
    ExitCode,
    GateError,
    InputError,
    SpeedGateError,
    UnavailableError,
)
from dlgsanet.storage.atomic import require_writable_folder
from runtimes.machine import start
from runtimes.machine.clock import now_ms

MODEL = "nano-x4"
RUNS = 20
PEERS = ("--peer", "official", "--peer", "official-compiled")
"""Where there is no C++ compiler, the second is said not to run."""
PATIENCE_S = 6.0
_SCALE = 4


@dataclass(frozen=True)
class Command:
    """One command: `words` after `dlgsanet`, what it does in words, and whether the path goes on if it fails."""

    title: str
    words: tuple[str, ...]
    needed: bool


def run_demo(output: Path, voice: Voice = PLAIN) -> None:
    """Export, check, bench, report into `output`; everything in it may be made anew by the next demo.

    A failed gate does not hide the report. Raises the error of the first step that failed, once all is done;
    KeyboardInterrupt stops the running step too.
    """
    commands = plan_demo(output, voice)
    console = show.out()
    data = open_photographs(_SCALE)
    console.print(Text(f"data: {data.name}: {data.terms}"), soft_wrap=True)
    begun = now_ms()
    failed: EdgeError | None = None
    for command in commands:
        console.print(Text(f"\n{command.title}\n$ {shlex.join(('dlgsanet', *command.words))}", style="bold"))
        code = run_command(command.words)
        if code != ExitCode.OK:
            failed = failed or _error(command.words[0], code)
            if command.needed:
                raise failed
    console.print(Text(f"\nthe demo took {(now_ms() - begun) / 1e3:.0f} s"))
    console.print(Text(f"report: {output / 'report.html'}"))
    console.print(Text(f"next: {next_command(output)}"))
    if failed is not None:
        raise failed


def plan_demo(output: Path, voice: Voice = PLAIN) -> list[Command]:
    """The commands, in their order, each speaking as this one does. Raises InputError for an unusable place."""
    if output.exists() and not output.is_dir():
        raise InputError(f"expected a folder or nothing at {output}, found a file; choose another with -o")
    require_writable_folder(output)
    how = (*(("--quiet",) if voice.quiet else ()), *(("--verbose",) if voice.verbose else ()))
    return [replace(command, words=(*command.words, *how)) for command in _commands(output)]


def _commands(output: Path) -> list[Command]:
    bundle = str(output / "bundle")
    accuracy, speed = str(output / "accuracy.json"), str(output / "latency.json")
    return [
        Command("1/4  export: rewrite, prove, convert", ("export", MODEL, "-o", bundle, "--force"), needed=True),
        Command(
            "2/4  check: accuracy against the reference and against HR",
            ("check", bundle, "--photographs", "--json", accuracy),
            needed=False,
        ),
        Command(
            "3/4  bench: latency, interleaved with the official form in torch, as it comes and compiled",
            ("bench", bundle, *PEERS, "--runs", str(RUNS), "--json", speed),
            needed=False,
        ),
        Command(
            "4/4  report: one page",
            ("report", accuracy, speed, "-o", str(output / "report.html"), "--force"),
            needed=True,
        ),
    ]


def next_command(output: Path) -> str:
    """What to try with a photograph of one's own."""
    bundle = output / "bundle"
    return shlex.join(("dlgsanet", "upscale", "YOUR_PHOTO.jpg", "--bundle", str(bundle), "-o", "upscaled"))


def run_command(words: Sequence[str]) -> int:
    """Run one `dlgsanet` command in a process of its own, its output going straight to the user."""
    process = subprocess.Popen(start.command("dlgsanet", *words), env=start.environment())
    try:
        return process.wait()
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the step clean up: Ctrl-C in a terminal has reached it too, a signal to us alone has not."""
    attempts: tuple[Callable[[], object], ...] = (
        process.poll,
        lambda: process.send_signal(signal.SIGINT),
        process.kill,
    )
    for attempt in attempts:
        attempt()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
            return


def _error(verb: str, code: int) -> EdgeError:
    """The error with the child's exit code; its own line is above already."""
    if code == ExitCode.INTERRUPTED or code < 0:
        raise KeyboardInterrupt
    kinds: dict[int, type[EdgeError]] = {
        kind.exit_code: kind for kind in (GateError, InputError, UnavailableError, SpeedGateError)
    }
    return kinds.get(code, BackendError)(f"demo: `{verb}` ended with exit code {code}; its reason is above")
