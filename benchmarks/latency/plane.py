"""Accuracy against time: networks scored on the same images, timed in the same rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from benchmarks.accuracy.figures import mean, standard
from benchmarks.records.latency import LatencyRecord, NetworkPoint, PlaneRecord
from benchmarks.subjects.datasets import Dataset
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.metrics import Protocol as Measured
from runtimes.runner.contract import Runner
from runtimes.runner.overlap import DEFAULT_OVERLAP

CLOSE = 0.005  # dB: papers give two digits, and no eye sees the third


class Placed(Protocol):
    """A network, or one of its forms, at its place on the plane."""

    @property
    def network(self) -> str: ...
    @property
    def p50_ms(self) -> float: ...
    @property
    def psnr_db(self) -> float: ...


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True)
class PlaneScore:
    """What a network reaches on the set; `published`: in a paper."""

    psnr_db: float
    ssim: float | None
    published: bool = False


def score(opener: Callable[[], Runner], dataset: Dataset, protocol: Measured) -> PlaneScore:
    """Run the set through it, tile by tile. Raises as its runner does."""
    values = []
    with opener() as run:
        for sample in dataset.samples():
            values.append(standard(sample, run(to_nchw(sample.lr), DEFAULT_OVERLAP), protocol))
    return PlaneScore(mean(it.psnr_db for it in values), mean(it.ssim for it in values))


def front(points: Sequence[P]) -> list[P]:
    """Those that no other beats in both, from the fastest."""
    best: list[P] = []
    for point in sorted(points, key=lambda it: (it.p50_ms, -it.psnr_db)):
        if not best or point.psnr_db > best[-1].psnr_db + CLOSE:
            best.append(point)
    return best


def words(points: Sequence[P]) -> Iterator[str]:
    """What to choose at how many milliseconds, and who is beaten by whom."""
    best = front(points)
    chosen = "; ".join(f"{it.network} from {it.p50_ms:.1f} ms ({it.psnr_db:.2f} dB)" for it in best)
    yield f"the best choice is {chosen}."
    for loser in (it for it in points if it not in best):
        by = max((it for it in best if it.p50_ms <= loser.p50_ms), key=lambda it: it.psnr_db)
        faster, better = loser.p50_ms / by.p50_ms, by.psnr_db - loser.psnr_db
        said = "as good" if abs(better) <= CLOSE else f"{better:.2f} dB better"
        yield f"{loser.network} is beaten: {by.network} is {said} and {faster:.1f} times as fast."


def planes(
    records: Sequence[LatencyRecord], scores: Mapping[str, PlaneScore], dataset: Dataset
) -> tuple[PlaneRecord, ...]:
    """A plane for each tile size, of what was both timed and scored, from the fastest; `scores` by the names of the
    records."""
    found = []
    for tile in sorted({it.tile for it in records}):
        points = [
            NetworkPoint(it.model, it.model_sha256, it.artifact, it.p50_ms, reached.psnr_db, reached.ssim)
            for it in records
            if it.tile == tile and it.p50_ms is not None and (reached := scores.get(it.artifact)) is not None
        ]
        if points:
            points.sort(key=lambda it: (it.p50_ms, -it.psnr_db))
            protocol = dataset.protocol(tile, DEFAULT_OVERLAP).id
            found.append(PlaneRecord(tile, dataset.name, protocol, tuple(points)))
    return tuple(found)
