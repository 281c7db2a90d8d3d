"""What many machines cost beside one, on a cluster of Ray on this machine.

`python -m benchmarks.studies.upscale.fleet nodes -o FILE`: nodes of one core each; a picture is a wait of 200 ms, so
that what is measured is Ray and the way through it. Beside it, what `fleet-plan` simulates.
`... actors BUNDLE -o FILE`: two actors of one thread against one process of two, by the times of their results.
`... start BUNDLE -o FILE`: until a job of 10,000 files has its first result.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from benchmarks.latency.fleet.samples import JobSamples
from benchmarks.latency.fleet.simulation import FleetJob, World, simulate
from benchmarks.records.study_file import StudyFile, read_study, write_study
from benchmarks.studies import run_study
from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import BackendError, UnavailableError
from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.pixels import to_hwc, to_uint8
from export.pictures import photograph
from runtimes.file_formats.markdown import markdown_table
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import available_threads, cpu_name
from runtimes.upscale.fleet.cluster import cluster
from runtimes.upscale.fleet.items import FleetItem
from runtimes.upscale.fleet.outcomes import upscale_all
from runtimes.upscale.fleet.record import DONE, FileOutcome
from runtimes.upscale.fleet.store import Store
from runtimes.upscale.fleet.worker import Task
from runtimes.upscale.options import UpscaleOptions

WAIT_S = 0.2
TILE = 128
app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class NodesRow:
    """`first_s`, `last_s`: from the request until the first and the last of `pictures` was there; `simulated_s`: the
    last one as `fleet-plan` simulates it, if the first is there when it was."""

    nodes: int
    pictures: int
    first_s: float
    last_s: float
    simulated_s: float

    @property
    def per_second(self) -> float:
        """Pictures, once all nodes are at work."""
        return (self.pictures - self.nodes) / (self.last_s - self.first_s)


@dataclass(frozen=True)
class FleetNodes(StudyFile):
    """Medians of `rounds`."""

    machine: str
    wait_s: float
    rounds: int
    rows: tuple[NodesRow, ...]


@dataclass(frozen=True)
class FleetActors(StudyFile):
    """Pictures a second of one process of two threads, and of two actors of one thread, round by round, once all are
    at work."""

    machine: str
    artifact: str
    pictures: int
    process: tuple[float, ...]
    actors: tuple[float, ...]


@dataclass(frozen=True)
class FleetStart(StudyFile):
    """Seconds from the start of the command to its first result, round by round."""

    machine: str
    artifact: str
    files: int
    first_s: tuple[float, ...]


class Waiting:
    """In the place of an actor: a picture is a wait."""

    def __init__(self, task: Task) -> None:
        self._outcome = FileOutcome("", "", DONE, "wait", "none", "here", WAIT_S, 1.0)

    def __call__(self, row: dict[str, object]) -> dict[str, object]:
        """A row of an item -> a FileOutcome."""
        Event().wait(WAIT_S)
        return {**asdict(self._outcome), **row}


@contextmanager
def several(nodes: int) -> Iterator[str]:
    """The address of a cluster of nodes of one core, and a head that computes nothing. Raises UnavailableError."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        raise UnavailableError("the study needs Ray: pip install 'dlgsanet-edge[fleet]'") from error
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(nodes):
            found.add_node(num_cpus=1)
        yield found.address
    finally:
        found.shutdown()


def waits(nodes: int, pictures: int) -> tuple[float, float]:
    """Seconds until the first and the last outcome of so many."""
    items = [FleetItem(f"{i}.png", f"{i}_x4.png", 1) for i in range(pictures)]
    options = UpscaleOptions(inputs=(Path("in"),), output=Path("out"), threads=1, ray="")
    task, times = Task({}, {}, options, Store("in"), Store("out")), list[float]()
    with several(nodes) as address, cluster(address) as ray:
        start = now_ms()
        done = upscale_all(
            ray, task, items, Voice(quiet=True), lambda outcome: times.append((now_ms() - start) / 1e3), Waiting
        )
    if {outcome.status for outcome in done} != {DONE}:
        raise BackendError(f"the cluster lost pictures: {next(one.reason for one in done if one.status != DONE)}")
    return times[0], times[-1]


def simulated(nodes: int, pictures: int, start_s: float) -> float:
    """Seconds until the last picture as `fleet-plan` has it."""
    samples = JobSamples({"one": (WAIT_S,)}, None, ("wait",))
    return 3600 * simulate(samples, FleetJob(pictures, 1.0), World(start_s=start_s), nodes, 0).hours


def measure_nodes(counts: Sequence[int], pictures: int, rounds: int) -> FleetNodes:
    """Every count in each round."""
    found: dict[int, list[tuple[float, float]]] = {nodes: [] for nodes in counts}
    for _ in range(rounds):
        for nodes in counts:
            found[nodes].append(waits(nodes, pictures))
    middle = {nodes: [statistics.median(each) for each in zip(*times, strict=True)] for nodes, times in found.items()}
    rows = (
        NodesRow(nodes, pictures, *(round(it, 3) for it in (*times, simulated(nodes, pictures, times[0] - WAIT_S))))
        for nodes, times in middle.items()
    )
    return FleetNodes(_machine(), WAIT_S, rounds, tuple(rows))


def measure_actors(bundle: Path, artifact: str, pictures: int, rounds: int) -> FleetActors:
    """The two in turn."""
    found: dict[str, list[float]] = {"process": [], "actors": []}
    with tempfile.TemporaryDirectory() as place:
        given = _pictures(Path(place, "in"), pictures, 2 * TILE)
        for turn in range(rounds):
            for name, words in {"process": ["--threads", "2"], "actors": ["--threads", "1", "--ray", "local"]}.items():
                out = Path(place, f"{name}{turn}")
                with _upscaling(given, out, bundle, artifact, words) as child:
                    _, errors = child.communicate()
                if child.returncode:
                    raise BackendError(f"upscale failed: {errors.splitlines()[-1]}")
                found[name].append(rate(out, 2 if name == "actors" else 1))
    return FleetActors(_machine(), artifact, pictures, tuple(found["process"]), tuple(found["actors"]))


def rate(out: Path, at_once: int) -> float:
    """Results a second of so many that compute at once, without the first quarter, when not all may be at work yet."""
    all_times = sorted(path.stat().st_mtime_ns for path in out.rglob("*.png"))
    times = all_times[len(all_times) // 4 :]
    return round((len(times) - at_once) / (times[-1] - times[0]) * 1e9, 3)


def measure_start(bundle: Path, artifact: str, files: int, rounds: int) -> FleetStart:
    """Each round is a whole command, ended after its first result."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        given = _pictures(Path(place, "in"), files, TILE // 4)
        for turn in range(rounds):
            out, start = Path(place, f"out{turn}"), now_ms()
            with _upscaling(given, out, bundle, artifact, ["--threads", "1", "--ray", "local"]) as child:
                while child.poll() is None and not any(out.glob("*.png")):
                    Event().wait(0.02)
                found.append(round((now_ms() - start) / 1e3, 2))
                if child.poll() is not None:
                    raise BackendError(f"upscale failed: {child.communicate()[1].splitlines()[-1]}")
                child.terminate()
                child.communicate()
    return FleetStart(_machine(), artifact, files, tuple(found))


def _upscaling(given: Path, out: Path, bundle: Path, artifact: str, words: Sequence[str]) -> subprocess.Popen[str]:
    asked = ["upscale", str(given), "-o", str(out), "--bundle", str(bundle), "--artifact", artifact, *words]
    if "--ray" in words:
        asked += ["--record", str(out.with_suffix(".jsonl"))]
    command = [sys.executable, "-m", "dlgsanet", *asked, "-q"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _pictures(place: Path, count: int, side: int) -> Path:
    """A folder of so many names of one photograph."""
    place.mkdir()
    first = place / "0.png"
    write_picture(first, to_uint8(to_hwc(photograph((side, side)))))
    for i in range(1, count):
        os.link(first, place / f"{i}.png")
    return place


def _machine() -> str:
    return f"{cpu_name()}, {available_threads()} cores"


def nodes_table(found: FleetNodes) -> str:
    """A row for each number of nodes."""
    head = ("nodes", "first result, s", "last, s", "simulated, s", "pictures a second", "times one node")
    one = found.rows[0].per_second
    rows = [
        (f"{row.nodes}", f"{row.first_s:.1f}", f"{row.last_s:.1f}", f"{row.simulated_s:.1f}", f"{row.per_second:.2f}",
         f"**{row.per_second / one:.2f}**")
        for row in found.rows
    ]  # fmt: skip
    told = f"{found.rows[0].pictures} waits of {found.wait_s:g} s on {found.machine}, {_of_rounds(found.rounds)}."
    return markdown_table(head, rows) + f"\n\n{told}"


def _of_rounds(count: int) -> str:
    return "one round" if count == 1 else f"medians of {count} rounds"


def actors_line(found: FleetActors) -> str:
    """The two rates and their ratio."""
    process, actors = statistics.median(found.process), statistics.median(found.actors)
    return (
        f"One process of two threads makes {process:.2f} pictures a second, two actors of one thread {actors:.2f}: "
        f"**{actors / process:.2f}** times as many (`{found.artifact}`, {found.machine}, "
        f"{_of_rounds(len(found.actors))})."
    )


def start_line(found: FleetStart) -> str:
    """The median."""
    return (
        f"A job of {found.files:,} files has its first result **{statistics.median(found.first_s):.1f} s** after the "
        f"command began, the cluster's start included ({found.machine}, {_of_rounds(len(found.first_s))})."
    )


Output = Annotated[Path, typer.Option("-o", "--output", help="File to write.")]
Bundle = Annotated[Path, typer.Argument(help="Bundle folder.")]
Artifact = Annotated[str, typer.Option(help="Artifact of the bundle.")]
Rounds = Annotated[int, typer.Option(min=1, help="Times each is run.")]


@app.command()
def nodes(output: Output, most: int = 4, pictures: int = 90, rounds: Rounds = 1) -> None:
    """1 to `most` nodes."""
    found = measure_nodes(range(1, most + 1), pictures, rounds)
    write_study(output, found)
    typer.echo(nodes_table(found))


@app.command()
def actors(bundle: Bundle, output: Output, artifact: Artifact, pictures: int = 40, rounds: Rounds = 3) -> None:
    """Two actors against a process; rounds join those that the file has of the same artifact."""
    found = measure_actors(bundle, artifact, pictures, rounds)
    if output.is_file() and (before := read_study(FleetActors, output)).artifact == artifact:
        found = replace(found, process=before.process + found.process, actors=before.actors + found.actors)
    write_study(output, found)
    typer.echo(actors_line(found))


@app.command()
def start(bundle: Bundle, output: Output, artifact: Artifact, files: int = 10_000, rounds: Rounds = 3) -> None:
    """Until the first result."""
    found = measure_start(bundle, artifact, files, rounds)
    write_study(output, found)
    typer.echo(start_line(found))


if __name__ == "__main__":
    run_study(app)
