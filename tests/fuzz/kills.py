"""Kill verbs at drawn moments: `python -m tests.fuzz.kills --moments 200 -o FILE` (`make kill`).

Each moment is a process in a session of its own that is sent SIGKILL, SIGTERM or SIGINT, alone or with its group, at
a drawn share of its usual time or at a drawn line of its progress. Then the same command runs again. Exit code 1 if
anything went wrong; a line says what. Linux only: what is alive is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records.study_file import write_study
from tests.fuzz.kill_counts import WRONG, KillCounts, KillRow, kill_table
from tests.fuzz.kill_verbs import ONE_THREAD, VERBS, KilledVerb, Outputs, make_shared
from tests.fuzz.seeds import ROOT

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MARK = "DLGSANET_KILLED"  # in the environment of all that a run starts
SHARES = {
    "export": 7,
    "export onnxruntime-int8": 4,
    "export openvino-int8": 2,
    "upscale pictures": 19,
    "upscale video": 14,
    "upscale folder": 10,
    "upscale film": 10,
    "train": 10,
    "report": 18,
    "check": 6,
}
STILLBORN = "init_import_site"  # Python's own end, code 1, by a signal before it has come to the command
LIVES_ON = 2.0  # seconds that what a process started may need to end behind it
HANGS = 90.0  # seconds to end after a signal, on a machine with other work, too


@dataclass(frozen=True)
class Usual:
    """An undisturbed run: its outputs, the names it leaves, its time and lines of progress."""

    room: Path
    outputs: Outputs
    names: frozenset[str]
    seconds: float
    lines: int


@dataclass(frozen=True)
class Finding:
    """One moment, and what went wrong in it."""

    verb: str
    sent: signal.Signals
    wrong: tuple[str, ...]
    went_on: bool | None = None


class Run:
    """A process of a verb, in `room`, which holds all that it writes: outputs, temporary files, what it says."""

    def __init__(self, verb: KilledVerb, shared: Path, room: Path) -> None:
        for name in ("out", "tmp"):
            (room / name).mkdir(parents=True, exist_ok=True)
        self.room, self.said = room, room / "said"
        self.mark = f"{MARK}={room}"
        environment = {**os.environ, MARK: str(room), "TMPDIR": str(room / "tmp"), **ONE_THREAD}
        self.begun = time.monotonic()
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                verb.command(shared, room / "out"), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=said,
                start_new_session=True,
            )  # fmt: skip

    def wait_for(self, seconds: float, lines: int) -> bool:
        """Until it has run so long, or said so many lines if that is not 0; False if it ended before."""
        while self.process.poll() is None:
            if self.lines() >= lines if lines else time.monotonic() - self.begun >= seconds:
                return True
            time.sleep(0.01)
        return False

    def lines(self) -> int:
        return self.said.read_bytes().count(b"\n")

    def listens(self) -> bool:
        """Whether SIGTERM is answered by now: before, Python itself is starting."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def alive(self) -> list[int]:
        """Processes with the mark of this run."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark.encode() in (place / "environ").read_bytes().split(b"\0"):
                    found.append(int(place.name))
        return found

    def survivors(self) -> list[int]:
        """What is still alive some time after the process has ended; it is ended here."""
        end = time.monotonic() + LIVES_ON
        while (left := self.alive()) and time.monotonic() < end:
            time.sleep(0.1)
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return left


def usual(verb: KilledVerb, shared: Path, room: Path) -> Usual:
    """Run once undisturbed."""
    run = Run(verb, shared, room)
    if run.process.wait() != 0:
        raise RuntimeError(f"{verb.name}: {run.said.read_text()[-2000:]}")
    seconds = time.monotonic() - run.begun
    return Usual(room, verb.read(room / "out"), names(room), seconds, run.lines())


def names(room: Path) -> frozenset[str]:
    """Of all files and folders in a room."""
    return frozenset(path.relative_to(room).as_posix() for path in room.rglob("*"))


@dataclass(frozen=True)
class Struck:
    """A run that was sent a signal. `listened`: SIGTERM was answered by then; `stood`: an older output was in place."""

    run: Run
    sent: signal.Signals
    listened: bool
    stood: bool
    what: str


def strike(verb: KilledVerb, shared: Path, room: Path, known: Usual, draw: random.Random) -> Struck:
    """Start and kill. A run that ended too early is run again."""
    while True:
        stood = verb.replaces and draw.random() < 0.5
        if stood:
            shutil.copytree(known.room / "out", room / "out")
        sent, group = draw.choice(SIGNALS), draw.random() < 0.5
        lines = draw.randint(1, known.lines) if known.lines and draw.random() < 0.5 else 0
        share = draw.uniform(0.02, 1.0)
        where = f"line {lines}" if lines else f"{share:.0%} of the time"
        run = Run(verb, shared, room)
        if run.wait_for(share * known.seconds, lines):
            with suppress(OSError):
                listened = run.listens()
                (os.killpg if group else os.kill)(run.process.pid, sent)
                what = f"{sent.name} to the {'group' if group else 'process'} at {where}"
                return Struck(run, sent, listened, stood, what)
        run.process.wait()
        shutil.rmtree(room)


def judge(verb: KilledVerb, struck: Struck, known: Usual) -> list[str]:
    """What is wrong once the signal was sent."""
    wrong, run = [], struck.run
    with suppress(subprocess.TimeoutExpired):
        run.process.wait(HANGS)
    if run.survivors():
        wrong.append("outlived")
    code = run.process.wait()
    if code not in allowed(struck.sent, struck.listened) and STILLBORN not in run.said.read_text():
        wrong.append("wrong_codes")
    try:
        found = verb.read(run.room / "out")
        needed = known.outputs.items() if code == 0 or struck.stood else ()
        if not set(needed) <= set(found.items()) <= set(known.outputs.items()):
            wrong.append("half_written")
    except Exception as error:  # noqa: BLE001 - whatever cannot be read is not whole
        print(f"{verb.name}: {type(error).__name__}: {error}", flush=True)
        wrong.append("half_written")
    if wrong:
        print(f"{verb.name}: exit code {code}, {struck}\n{run.said.read_text()[-3000:]}", flush=True)
    return wrong


def allowed(sent: signal.Signals, listened: bool) -> set[int]:
    """Exit codes: 0 of a run that was finished by then; 130, or the signal's own where nothing stops it or while
    Python starts."""
    if sent == signal.SIGKILL:
        return {0, -sent}
    return {0, 130} if listened else {0, 130, -sent}


def again(verb: KilledVerb, shared: Path, room: Path, known: Usual) -> list[str]:
    """What is wrong after the same command has run once more."""
    run = Run(verb, shared, room)
    if run.process.wait() != 0:
        print(f"{verb.name}, again: exit code {run.process.returncode}\n{run.said.read_text()[-3000:]}", flush=True)
        return ["not_resumed"]
    wrong = [] if verb.read(room / "out") == known.outputs else ["differs"]
    if left := names(room) - known.names:
        print(f"{verb.name}, left: {sorted(left)[:9]}", flush=True)
        wrong.append("debris")
    return wrong


def moment(verb: KilledVerb, shared: Path, known: Usual, seed: int, number: int) -> Finding:
    """One moment."""
    draw = random.Random(f"{seed}-{verb.name}-{number}")
    with tempfile.TemporaryDirectory(dir=shared.parent) as folder:
        room = Path(folder) / "room"
        struck = strike(verb, shared, room, known, draw)
        wrong = [*judge(verb, struck, known), *again(verb, shared, room, known)]
        went_on = None if verb.keeps is None else verb.keeps in (room / "said").read_text()
    print(
        f"{verb.name} {number}: {struck.what}: {', '.join(wrong) or 'right'}{', went on' * bool(went_on)}", flush=True
    )
    return Finding(verb.name, struck.sent, tuple(wrong), went_on)


def row(verb: str, findings: Sequence[Finding]) -> KillRow:
    """The sum of a verb's moments."""
    sent = Counter(each.sent for each in findings)
    wrong = Counter(name for each in findings for name in each.wrong)
    going = [each.went_on for each in findings if each.went_on is not None]
    went_on = sum(going) if going else None
    return KillRow(verb, *(sent[number] for number in SIGNALS), *(wrong[name] for name in WRONG), went_on)


def let_ctrl_c_through() -> None:
    """A shell starts what is in its background deaf to SIGINT, which all that it starts inherits: no moment of SIGINT
    would be one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def kill(moments: dict[str, int], seed: int, folder: Path) -> list[KillRow]:
    """So many moments of each verb, two at a time."""
    let_ctrl_c_through()
    shared = folder / "shared"
    make_shared(shared)
    with ThreadPoolExecutor(2) as pool:
        known = dict(zip(moments, pool.map(lambda v: usual(VERBS[v], shared, folder / v), moments), strict=True))
        drawn = [(verb, number) for verb, count in moments.items() for number in range(count)]
        random.Random(seed).shuffle(drawn)
        findings = list(pool.map(lambda it: moment(VERBS[it[0]], shared, known[it[0]], seed, it[1]), drawn))
    return [row(verb, [each for each in findings if each.verb == verb]) for verb in moments]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--verbs", nargs="*", default=list(SHARES), choices=list(SHARES))
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    whole = sum(SHARES[verb] for verb in given.verbs)
    moments = {verb: -(-given.moments * SHARES[verb] // whole) for verb in given.verbs}
    with tempfile.TemporaryDirectory() as folder:
        rows = kill(moments, given.seed, Path(folder))
    print(kill_table(rows))
    if given.output:
        write_study(given.output, KillCounts(given.seed, tuple(rows)))
    return int(any(getattr(each, name) for each in rows for name in WRONG))


if __name__ == "__main__":
    sys.exit(main())
