"""What each layer loses when only it is INT8, on mirrored tiles of the calibration images.

Losses are measured in fp32 beside INT8 where the engine lets one say so, whatever the target runs beside it: else the
16 bits of all other layers would hide them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import UnavailableError
from dlgsanet.imaging.pixels import to_hwc
from dlgsanet.metrics import psnr, psnr_float, ssim
from export.machine.candidate_runner import trial_runner
from export.machine.journal import Journal
from export.quantization.calibrated_graph import Maker
from export.quantization.calibration_tiles import JudgedTile
from export.targets.outputs import Written
from export.targets.table import Target, row_of
from runtimes.machine.clock import now_ms
from runtimes.runner.contract import Runner

Say = Callable[[str], None]
SAME_DB = 80.0  # nobody sees more; a flat tile that comes out exactly must not hide what the others lose
SCAN_TILES = 6  # the most different ones: the error of a layer varies less than pictures do


@dataclass(frozen=True)
class Loss:
    """Against the float graph on the same tiles: dB to its output (mean and worst tile), the mean squared error, and
    what is lost against HR (mean and worst tile in dB; SSIM, mean)."""

    to_float_db: float
    to_float_worst_db: float
    squared_error: float
    drop_db: float
    drop_worst_db: float
    ssim_drop: float


@dataclass(frozen=True)
class Yardstick:
    """The float graph's answers on tiles, and their PSNR and SSIM against HR."""

    pairs: tuple[JudgedTile, ...]
    answers: tuple[NDArray[np.float32], ...]
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    scale: int

    def loss(self, run: Runner, tiles: int | None = None) -> Loss:
        """Of an artifact on the first `tiles`, or all."""
        near, errors, drops, structure = [], [], [], []
        known = list(zip(self.pairs, self.answers, self.psnr_db, self.ssim, strict=True))
        for pair, exact, full, whole in known[:tiles]:
            sr = run.infer(pair.lr)
            error = float(np.mean((sr.astype(np.float64) - exact) ** 2))
            errors.append(error)
            near.append(min(psnr_float(sr, exact), SAME_DB))
            drops.append(full - _to_original(sr, pair, self.scale))
            structure.append(whole - ssim(to_hwc(sr), pair.hr, border=self.scale) if tiles is None else 0.0)
        means = [float(np.mean(values)) for values in (near, errors, drops, structure)]
        return Loss(means[0], min(near), means[1], means[2], max(drops, key=abs), means[3])


@dataclass(frozen=True)
class CandidateOpener:
    """Opens candidates of one calibrated graph for a target."""

    maker: Maker
    target: Target
    scale: int

    def require_device(self, chosen: Collection[str]) -> None:
        """Raise UnavailableError where the engine is missing or the device lacks the target's precision."""
        with tempfile.TemporaryDirectory() as folder, self.open(Path(folder), chosen) as run:
            if run.info.lacking:
                raise UnavailableError(run.info.lacking)

    def named(self, chosen: Collection[str]) -> bool:
        """Whether the engine calls the graph by the target's precision with these layers in INT8."""
        with tempfile.TemporaryDirectory() as folder, self.open(Path(folder), chosen) as run:
            return run.info.precision_mismatch is None

    def open(self, folder: Path, chosen: Collection[str], *, exact: bool = False) -> Runner:
        """A runner of the graph with these layers in INT8, files in `folder`; `exact`: fp32 beside them."""
        name = f"candidate-{len(list(folder.iterdir()))}"
        files = tuple(path.name for path in self.maker.write(folder / name, chosen))
        row = row_of(self.target.backend, "fp32") if exact else self.target.row
        return trial_runner(folder, name, Written(files[0], files), self.target, self.scale, hints=dict(row.hints))


@dataclass(frozen=True)
class StandIn(CandidateOpener):
    """Opens candidates in another engine than their own, which may compute them in floats, so that it cannot say what
    the other would call them."""

    def named(self, chosen: Collection[str]) -> bool:
        return bool(chosen)


def yardstick(bench: CandidateOpener, pairs: Sequence[JudgedTile]) -> Yardstick:
    """Run the float graph."""
    with tempfile.TemporaryDirectory() as folder, bench.open(Path(folder), (), exact=True) as run:
        answers = tuple(run.infer(pair.lr) for pair in pairs)
    pictures = [(to_hwc(sr), pair.hr) for sr, pair in zip(answers, pairs, strict=True)]
    psnrs = tuple(_to_original(sr, pair, bench.scale) for sr, pair in zip(answers, pairs, strict=True))
    ssims = tuple(ssim(sr, hr, border=bench.scale) for sr, hr in pictures)
    return Yardstick(tuple(pairs), answers, psnrs, ssims, bench.scale)


def _to_original(sr: NDArray[np.float32], pair: JudgedTile, scale: int) -> float:
    return min(psnr(to_hwc(sr), pair.hr, border=scale), SAME_DB)


def scan(
    bench: CandidateOpener,
    units: Mapping[str, Sequence[str]],
    measure: Yardstick,
    journal: Journal,
    say: Callable[[str], None],
) -> dict[str, Loss]:
    """The loss of each unit by itself; what the journal has is not measured again."""
    found: dict[str, Loss] = {}
    start, fresh = now_ms(), 0
    for place, (unit, names) in enumerate(units.items()):
        key = f"loss {unit}"
        if key not in journal:
            left = (now_ms() - start) / 1000 / fresh * (len(units) - place) if fresh else None
            eta = "" if left is None else f", about {left:.0f} s left"
            say(f"layer {place + 1} of {len(units)}{eta}: {unit}")
            fresh += 1
        found[unit] = Loss(**journal.once(key, lambda names=names: _one(bench, names, measure)))  # type: ignore[misc]
    return found


def _one(bench: CandidateOpener, names: Collection[str], measure: Yardstick) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, bench.open(Path(folder), names, exact=True) as run:
        return asdict(measure.loss(run, SCAN_TILES))
