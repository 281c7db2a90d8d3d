"""Accuracy against time: our networks and other people's on one page, timed in the same rounds and scored through the
same tiles: `python -m benchmarks.studies.peers.plane BUNDLE... --peers FOLDER --data SET -o FILE [--plot FILE.png]`.

FOLDER is one of `benchmarks.studies.peers.export`. A network is on the front when none is both faster and better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.latency.plane import PlaneScore, front, score, words
from benchmarks.latency.rounds import bench, steps
from benchmarks.records.accuracy import Decibels, Similarity
from benchmarks.records.environment import Environment, describe_environment
from benchmarks.records.latency import Milliseconds, Ratio
from benchmarks.records.statistics import compare, median_interval
from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from benchmarks.subjects.datasets import Dataset, open_folder
from benchmarks.subjects.peer_files import BICUBIC, RANDOM, peer_contestants, read_peers
from benchmarks.subjects.subject import Contestant, origin_of
from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.metrics import Protocol
from runtimes import open_runner
from runtimes.bundle.manifest import choose, read_manifest
from runtimes.file_formats.markdown import markdown_table
from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tile_pictures import tile_pictures
from runtimes.runner.tiling import Tile

TILE: Tile = (128, 128)
FORMS = ("openvino-fp32", "openvino-bf16")


@dataclass(frozen=True)
class PlanePoint:
    """One network in one form: PSNR in dB and SSIM of the set (None: see `published`), the median of a tile's times
    in ms, and its time over that of the first network in the same form, with the ends of the 95 % interval.

    `published`: the PSNR is a paper's, since nobody ships its weights in a package."""

    network: str
    form: str
    ours: bool
    note: str
    psnr_db: Decibels
    ssim: Similarity | None
    published: bool
    p50_ms: Milliseconds
    ratio: Ratio
    ratio_low: Ratio
    ratio_high: Ratio


@dataclass(frozen=True)
class Plane(StudyFile):
    """The result file."""

    dataset: str
    protocol: str
    environment: Environment
    points: tuple[PlanePoint, ...]


@dataclass(frozen=True)
class PlaneEntry:
    """One that takes part; `known`: its score, where that is not to be measured."""

    network: str
    form: str
    ours: bool
    contestant: Contestant
    known: PlaneScore | None


def entries(bundles: Sequence[Path], peers: Path, threads: int | None) -> list[PlaneEntry]:
    """Ours first, in the order given. Raises InputError for a bundle or a folder that cannot be used."""
    found = []
    for bundle in bundles:
        manifest = read_manifest(bundle)
        for artifact in choose(manifest, FORMS):
            if artifact.tile == TILE and artifact.family in FORMS:
                opener = partial(open_runner, bundle, artifact.id, threads=threads)
                name = f"{manifest.name}-{artifact.id}"
                one = Contestant(
                    name, artifact.precision, TILE, opener, manifest.name, role="artifact", backend=artifact.backend
                )
                found.append(PlaneEntry(manifest.name, artifact.family, True, one, None))
    told = {it.name: it for it in read_peers(peers).files}
    for one in peer_contestants(peers, [TILE], "CPU", threads):
        peer = told.get(one.name)
        form = f"{one.backend}-{one.precision}"
        if peer is None:  # NumPy's bicubic
            found += [PlaneEntry(BICUBIC, it, False, replace(one, name=f"{one.name}-{it}"), None) for it in FORMS]
        elif form in FORMS and (peer.weights != RANDOM or peer.published_db is not None):
            known = None if peer.published_db is None else PlaneScore(peer.published_db, None, published=True)
            found.append(PlaneEntry(peer.peer, form, False, one, known))
    return found


def scored(entry: PlaneEntry, dataset: Dataset, protocol: Protocol) -> PlaneScore:
    """What is known of it, or what it reaches on the set."""
    return entry.known or score(entry.contestant.opener, dataset, protocol)


def measure(bundles: Sequence[Path], peers: Path, data: Path, threads: int | None, runs: int, voice: Voice) -> Plane:
    """Time all in interleaved rounds, then score each. Raises UnavailableError where one of them cannot run here."""
    found = entries(bundles, peers, threads)
    manifest = read_manifest(bundles[0])
    dataset = open_folder(data, manifest.scale)
    protocol = dataset.protocol(TILE, DEFAULT_OVERLAP)
    contestants = [it.contestant for it in found]
    pictures = tile_pictures(bundles[0], manifest, [TILE])
    environment = describe_environment(None)
    with voice.progress(steps(contestants, runs) + len(found), beating=False) as step:
        timed = bench(contestants, pictures, origin_of(manifest), runs=runs, step=step)
        samples = {it.artifact: it.samples_ms for it in timed.records}
        for name, reason in timed.missing.items():
            raise UnavailableError(f"expected all networks to run here, found none of {name}: {reason}")
        first = {it.form: samples[it.contestant.name] for it in reversed(found) if it.ours}
        points = []
        for it in found:
            step(f"{it.contestant.name} on {dataset.name}")
            points.append(_point(it, scored(it, dataset, protocol), samples[it.contestant.name], first[it.form]))
    return Plane(dataset.name, protocol.id, environment, tuple(points))


def _point(entry: PlaneEntry, reached: PlaneScore, samples: Sequence[float], first: Sequence[float]) -> PlanePoint:
    ratio, _ = compare(samples, first)
    return PlanePoint(
        network=entry.network,
        form=entry.form,
        ours=entry.ours,
        note=entry.contestant.note,
        psnr_db=reached.psnr_db,
        ssim=reached.ssim,
        published=reached.published,
        p50_ms=median_interval(samples).value,
        ratio=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
    )


def sentences(points: Sequence[PlanePoint]) -> Iterator[str]:
    """For each form: what to choose at how many milliseconds, and who is beaten by whom."""
    for form in dict.fromkeys(it.form for it in points):
        chosen, *beaten = words([it for it in points if it.form == form])
        yield f"{form}: {chosen}"
        yield from beaten


def table(plane: Plane) -> str:
    """All points, from the fastest, in Markdown."""
    first = next(it.network for it in plane.points if it.ours)
    head = ("network", "runs as", f"{plane.dataset}, dB", "SSIM", "ms a tile", f"time of {first}", "on the front")
    ahead = [it for form in FORMS for it in front([point for point in plane.points if point.form == form])]
    rows = [
        (
            f"**{it.network}**" if it.ours else it.network,
            it.form,
            f"{it.psnr_db:.2f}" + (" (published)" if it.published else ""),
            "" if it.ssim is None else f"{it.ssim:.4f}",
            f"{it.p50_ms:.1f}",
            f"{it.ratio:.2f} ({it.ratio_low:.2f} to {it.ratio_high:.2f})",
            "yes" if it in ahead else "no",
        )
        for form in FORMS
        for it in sorted(plane.points, key=lambda point: point.p50_ms)
        if it.form == form
    ]
    return markdown_table(head, rows)


def plot(plane: Plane, path: Path) -> None:
    """Both forms side by side: time on a logarithmic axis, the front as a line, ours filled."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, form in zip(figure.subplots(1, len(FORMS), sharey=True), FORMS, strict=True):
        mine = [it for it in plane.points if it.form == form and it.network != BICUBIC]
        best = front(mine)
        axes.step([it.p50_ms for it in best], [it.psnr_db for it in best], where="post", color="#bbbbbb", zorder=1)
        for it in mine:
            colour = "#c2410c" if it.ours else "#1d4ed8"
            axes.scatter([it.p50_ms], [it.psnr_db], color=colour if it.ours else "white", edgecolor=colour, zorder=2)
            said = f"{it.network}" + (" (published dB)" if it.published else "")
            side, place = ("right", (-5, 5)) if it in best else ("left", (5, -12))  # away from the front's line
            at = (it.p50_ms, it.psnr_db)
            axes.annotate(said, at, place, textcoords="offset points", fontsize=9, color=colour, ha=side)
        axes.set_xscale("log")
        axes.set_xlim(min(it.p50_ms for it in mine) / 2, 2 * max(it.p50_ms for it in mine))
        axes.set_title(form)
        axes.set_xlabel("ms for a 128x128 tile")
        axes.grid(alpha=0.3, which="both")
        axes.margins(y=0.18)
    figure.axes[0].set_ylabel(f"PSNR on {plane.dataset}, dB")
    figure.savefig(path, dpi=110)


def main(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles of ours with OpenVINO fp32 and bf16, tile 128.")],
    peers: Annotated[Path, typer.Option(help="A folder of `benchmarks.studies.peers.export`.")],
    data: Annotated[Path, typer.Option(help="A set with HR/, such as Set5.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    picture: Annotated[Path | None, typer.Option("--plot", help="Draw the plane into this file.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of every engine; default: theirs.")] = None,
    runs: Annotated[int, typer.Option(min=5, help="Rounds.")] = 30,
) -> None:
    """Measure the plane."""
    scales = {read_manifest(bundle).scale for bundle in bundles}
    if len(scales) != 1:
        raise InputError(f"expected bundles of one scale, found x{', x'.join(map(str, sorted(scales)))}")
    plane = measure(bundles, peers, data, threads, runs, PLAIN)
    write_study(output, plane)
    if picture:
        plot(plane, picture)
    Console(soft_wrap=True, highlight=False).print(table(plane), *sentences(plane.points), sep="\n", markup=False)


if __name__ == "__main__":
    run_study(main)
