"""From outputs to figures: one image's row against the reference and HR, and a data set's means and worst."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.records.accuracy import ImageRow
from benchmarks.records.statistics import Interval, mean_interval
from benchmarks.subjects.datasets import Sample
from dlgsanet import metrics
from dlgsanet.errors import InputError
from dlgsanet.imaging.pixels import to_hwc
from dlgsanet.imaging.resize import upscale_bicubic8
from dlgsanet.metrics import Protocol
from runtimes.runner.ports import from_pixels, to_pixels
from runtimes.runner.tiling import Array


@dataclass(frozen=True)
class Standard:
    """The output that others of one image are compared with, and its own figures against HR, computed
    once."""

    sample: Sample
    output: Array
    protocol: Protocol
    psnr_db: float
    ssim: float
    rgb_psnr_db: float

    def row(self, sr: Array, *, pictures: bool = False) -> ImageRow:
        """`sr`, 1 x 3 x sH x sW finite, against this output (unclamped RGB) and against HR (the protocol).

        The drop is this output's PSNR minus that of `sr`. `pictures`: `sr` has 8 bits, so this output is rounded to
        8 bits before the two are compared; else the rounding alone, 59 dB, would drown what is to be seen.
        """
        psnr, ssim, rgb = _against_hr(self.sample, sr, self.protocol)
        distance = metrics.psnr_float(sr, self.seen(pictures=pictures))
        return ImageRow(
            image=self.sample.item.name,
            psnr_db=finite(psnr),
            ssim=ssim,
            drop_db=_drop(self.psnr_db, psnr),
            ssim_drop=self.ssim - ssim,
            to_reference_db=finite(distance),
            identical=math.isinf(distance),
            rgb_drop_db=finite(_drop(self.rgb_psnr_db, rgb)),
        )

    def seen(self, *, pictures: bool) -> Array:
        """What an artifact's output is held against: for one that gives 8 bits, this output in 8 bits."""
        return to_8_bits(self.output) if pictures else self.output


@dataclass(frozen=True)
class Tiled:
    """Figures against HR of one image: of the tiled reference, or of bicubic enlargement."""

    psnr_db: float
    ssim: float
    rgb_psnr_db: float


def standard(sample: Sample, output: Array, protocol: Protocol) -> Standard:
    """Raises InputError when the output, 1 x 3 x sH x sW, is not finite: then nothing can be judged by it."""
    require_finite({sample.item.name: output})
    return Standard(sample, output, protocol, *_against_hr(sample, output, protocol))


def require_finite(outputs: Mapping[str, Array]) -> None:
    """Raises InputError, naming the image or probe tile, for an output of the reference that is not finite."""
    for name, output in outputs.items():
        if not np.isfinite(output).all():
            raise InputError(f"the reference's output of {name} is not finite: the checkpoint is broken")


@dataclass(frozen=True)
class Summary:
    """Means over the images; the worst drop is the one farthest from zero, with its sign.

    Decibels to the reference are None when every image came out identical; images that did count in no mean,
    since no error has no decibels. `abs_drop`: of the drops' sizes.
    """

    psnr_db: float
    ssim: float
    drop_db: float
    ssim_drop: float
    to_reference_db: float | None
    to_reference_worst_db: float | None
    identical: bool
    worst_image: str
    worst_drop_db: float
    abs_drop: Interval | None
    rgb_drop_db: float | None
    rgb_abs_drop_db: float | None
    rgb_worst_drop_db: float | None


def summarise(rows: Sequence[ImageRow]) -> Summary:
    """The figures of one artifact on a data set. Raises ValueError without rows."""
    if not rows:
        raise ValueError("expected at least one image")
    distances = [row.to_reference_db for row in rows if row.to_reference_db is not None]
    worst = max(rows, key=lambda row: abs(row.drop_db))
    sizes = [abs(row.drop_db) for row in rows]
    colours = [row.rgb_drop_db for row in rows if row.rgb_drop_db is not None]
    return Summary(
        psnr_db=mean(math.inf if row.psnr_db is None else row.psnr_db for row in rows),
        ssim=mean(row.ssim for row in rows),
        drop_db=mean(row.drop_db for row in rows),
        ssim_drop=mean(row.ssim_drop for row in rows),
        to_reference_db=mean(distances) if distances else None,
        to_reference_worst_db=min(distances, default=None),
        identical=all(row.identical for row in rows),
        worst_image=worst.image,
        worst_drop_db=worst.drop_db,
        abs_drop=mean_interval(sizes) if all(map(math.isfinite, sizes)) else None,
        rgb_drop_db=mean(colours) if colours else None,
        rgb_abs_drop_db=mean(map(abs, colours)) if colours else None,
        rgb_worst_drop_db=max(colours, key=abs, default=None),
    )


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean, infinities included; ValueError without values."""
    found = list(values)
    if not found:
        raise ValueError("expected at least one value")
    return math.fsum(found) / len(found) if all(map(math.isfinite, found)) else float(np.mean(found))


def finite(value: float) -> float | None:
    """The value, or None for what JSON cannot hold."""
    return value if math.isfinite(value) else None


def bicubic(sample: Sample, protocol: Protocol) -> Tiled:
    """The image's own LR, enlarged by a bicubic kernel."""
    large = upscale_bicubic8(sample.lr, protocol.scale)
    colour = replace(protocol, colour="rgb")
    return Tiled(protocol.psnr(large, sample.hr), protocol.ssim(large, sample.hr), colour.psnr(large, sample.hr))


def to_8_bits(output: Array) -> Array:
    """As a picture holds it: clipped, in whole 255ths."""
    return from_pixels(to_pixels(output))


def _against_hr(sample: Sample, sr: Array, protocol: Protocol) -> tuple[float, float, float]:
    """PSNR, SSIM, and PSNR in RGB."""
    hwc = to_hwc(sr)
    return (
        protocol.psnr(hwc, sample.hr),
        protocol.ssim(hwc, sample.hr),
        replace(protocol, colour="rgb").psnr(hwc, sample.hr),
    )


def _drop(psnr: float, other: float) -> float:
    return 0.0 if psnr == other else psnr - other  # both may be infinite
