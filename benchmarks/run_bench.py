"""The verb `bench`: from a bundle to latencies, comparisons and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmarks.gates.int8_worth import int8_lines
from benchmarks.gates.speed_gates import judge_requirement, parse_requirement, require_known
from benchmarks.latency import roofline
from benchmarks.latency import rounds as latency
from benchmarks.latency.roofline import with_shares
from benchmarks.latency.rounds import Contestant, Timed, bench, compare_all, tile_pictures
from benchmarks.records.environment import describe_environment
from benchmarks.records.latency import RatioRecord
from benchmarks.records.result_file import new_result, require_place, write_result
from benchmarks.report import terminal as show
from benchmarks.run_check import choose, model_of
from benchmarks.subjects.torch_peers import PEERS, open_peer, peer_id, try_formats
from dlgsanet.errors import BackendError, GateError, InputError, SpeedGateError, UnavailableError, unknown
from runtimes import open_runner
from runtimes.backends.references import INTERPRETERS
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest
from runtimes.runner.tiling import Array
from runtimes.speed_limits import Limit, copy_limit, product_limits

Tile = tuple[int, int]


@dataclass(frozen=True)
class BenchOptions:
    """What to time, against what, where; `artifacts` are beginnings of ids, none means all."""

    bundle: Path
    artifacts: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    peer_folder: Path | None = None
    device: str = "CPU"
    threads: int | None = None
    runs: int = latency.RUNS
    require: tuple[str, ...] = ()
    json: Path | None = None
    machine: str | None = None
    limits: bool = False
    cuda_graph: bool = False


def run_bench(options: BenchOptions) -> None:
    """Time, print, write the result file, then raise what the exit code says.

    BackendError: a backend crashed. SpeedGateError: a requirement is not shown to hold. GateError: an
    artifact gave no picture or ran another precision than asked for. UnavailableError: nothing, or nothing of
    what was asked for by name, could run here. InputError: wrong options or a bundle that cannot be used.
    """
    if options.device in INTERPRETERS:
        raise InputError(
            f"{options.device} is an interpreter, its times say nothing of any device: bench on a machine that has it"
        )
    if options.json is not None:
        require_place(options.json)
    requirements = [parse_requirement(text) for text in options.require]
    for peer in options.peers:
        if peer not in PEERS:
            raise unknown("peer", peer, PEERS)
    manifest = read_manifest(options.bundle)
    artifacts = choose(manifest, options.artifacts)
    tiles = sorted({artifact.tile for artifact in artifacts})
    others = [] if options.peer_folder is None else _others(options.peer_folder, tiles, options)
    names = [(artifact.id, artifact.tile) for artifact in artifacts]
    names += [(peer_id(peer, tile), tile) for peer in options.peers for tile in tiles]
    names += [(other.name, other.tile) for other in others]
    for requirement in requirements:
        require_known(requirement, names)
    environment = describe_environment(options.machine)
    if environment.busy:
        Console(stderr=True).print(Text(f"warning: {environment.busy}"), soft_wrap=True)
    pictures = tile_pictures(options.bundle, manifest, tiles)
    contestants = [_artifact(artifact, options) for artifact in artifacts]
    contestants += [_peer(peer, tile, pictures[tile], options) for peer in options.peers for tile in tiles]
    contestants += others
    model = model_of(manifest)
    threads = options.threads or environment.threads
    limits = _limits(artifacts, threads) if options.limits else []
    with show.progress(latency.steps(contestants, options.runs)) as step:
        timed = bench(contestants, pictures, model, runs=options.runs, step=step, limits=limits, threads=threads)
    timed = replace(timed, records=with_shares(timed.records, artifacts, timed.limits))
    ratios = compare_all(timed.timings, model.sha256)
    _print(timed, ratios, manifest)
    required: list[RatioRecord] = []
    try:
        for requirement in requirements:
            required += judge_requirement(requirement, timed.timings, timed.missing, model.sha256)
    finally:  # what was measured is kept, whatever becomes of the requirement
        if options.json is not None:
            write_result(options.json, new_result(environment, (*timed.records, *timed.limits, *ratios, *required)))
    for record in required:
        show.out().print(Text(show.ratio_line(record)), soft_wrap=True)
    conclude(timed, required, options)


def conclude(timed: Timed, required: Sequence[RatioRecord], options: BenchOptions) -> None:
    """Raise what the exit code says; nothing when all was measured and every requirement holds."""
    if timed.crashed:
        raise BackendError("; ".join(timed.crashed))
    failed = [record for record in required if record.gate == "fail"]
    if failed:
        first = failed[0]
        raise SpeedGateError(f"--require {first.required}: not shown for {first.artifact}: {first.reason}")
    wrong = [record for record in timed.records if record.gate == "fail"]
    if wrong:
        raise GateError(f"{len(wrong)} of {len(timed.records)} failed: {wrong[0].artifact}: {wrong[0].reason}")
    asked = [*(options.artifacts or ("",)), *(f"torch-{peer}" for peer in options.peers)]
    for prefix in asked:
        mine = [record for record in timed.records if record.artifact.startswith(prefix)]
        if all(record.gate == "not run" for record in mine):
            raise UnavailableError(f"could not be timed here: {mine[0].artifact}: {mine[0].reason}")


def _artifact(artifact: Artifact, options: BenchOptions) -> Contestant:
    opener = partial(
        open_runner,
        options.bundle,
        artifact.id,
        device=options.device,
        threads=options.threads,
        cuda_graph=options.cuda_graph,
    )
    return Contestant(artifact.id, artifact.precision, artifact.tile, opener)


def _peer(peer: str, tile: Tile, picture: Array, options: BenchOptions) -> Contestant:
    """A peer in its better memory format; without torch the opener itself will say that it is missing."""
    opener = partial(open_peer, options.bundle, peer, tile, options.threads)
    name = peer_id(peer, tile)
    try:
        formats = try_formats(options.bundle, peer, tile, options.threads, picture)
    except UnavailableError:
        return Contestant(name, "fp32", tile, opener)
    return Contestant(name, "fp32", tile, partial(opener, memory_format=formats.better), formats.note)


def _limits(artifacts: Sequence[Artifact], threads: int) -> list[Limit]:
    families = [(artifact.backend, artifact.precision) for artifact in artifacts]
    return [*product_limits(families, threads).values(), copy_limit(threads)]


def _others(folder: Path, tiles: Sequence[Tile], options: BenchOptions) -> list[Contestant]:
    from benchmarks.subjects.peer_files import contestants

    return contestants(folder, tiles, options.device, options.threads)


def _print(timed: Timed, ratios: Sequence[RatioRecord], manifest: Manifest) -> None:
    console = show.out()
    console.print(Text(f"{manifest.source.name}: one tile, host to host, rounds of all in turn"))
    console.print(show.latency_table(timed.records))
    for line in show.reasons(timed.records):
        console.print(Text(line), soft_wrap=True)
    for record in timed.records:
        if record.note:
            console.print(Text(f"{record.artifact}: {record.note}"), soft_wrap=True)
    for line in (
        *show.mac_lines(timed.records),
        *roofline.lines(timed.records, timed.limits),
        *int8_lines(timed.records, ratios),
    ):
        console.print(Text(line), soft_wrap=True)
    for ratio in show.shown_ratios(ratios):
        console.print(Text(show.ratio_line(ratio)), soft_wrap=True)
