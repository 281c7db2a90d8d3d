"""The records of `check`, made from what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.accuracy.figures import Summary, Tiled, finite, mean, summarise
from benchmarks.gates.accuracy_gates import Figures, Verdict, judge, judge_checkpoint, judge_tiling
from benchmarks.gates.limits import DEFAULT, LimitTable
from benchmarks.records.accuracy import AccuracyRecord, ImageRow
from benchmarks.records.identity import Identity
from benchmarks.subjects.datasets import Dataset
from benchmarks.subjects.reference import ReferenceOutputs
from benchmarks.subjects.subject import Origin, Subject
from dlgsanet.metrics import Protocol
from runtimes.runner.contract import RunInfo
from runtimes.runner.fidelity.likeness import Likeness, ProbeFigures
from runtimes.runner.tiling import Tile


@dataclass(frozen=True)
class Conditions:
    """What all records of one `check` share."""

    dataset: Dataset
    reference: ReferenceOutputs
    origin: Origin
    max_drop_db: float | None
    limits: LimitTable = DEFAULT
    below_bicubic: bool = False

    def protocol(self, tile: Tile) -> Protocol:
        """How the data set is measured in tiles of this size."""
        return self.dataset.protocol(tile, self.reference.overlap, self.reference.fill)


@dataclass(frozen=True)
class Seen:
    """One artifact as eyes see it: on the images, and on the probe tiles; `fault` is one line about a probe tile's
    output that is no picture at all, `note` says why there are no probe tiles, `lost` what was better at its birth."""

    likeness: Likeness | None
    probes: tuple[ProbeFigures, ...] = ()
    fault: str | None = None
    note: str = ""
    lost: tuple[str, ...] = ()


def require_limit(max_drop_db: float | None) -> None:
    """Refuse a senseless limit before anything runs. Raises InputError."""
    judge(Figures("fp32", "fp32", 0.0, 0.0, None, None, 0.0), max_drop_db)


def artifact(
    subject: Subject,
    info: RunInfo | None,
    rows: Sequence[ImageRow],
    over: Verdict | None,
    conditions: Conditions,
    seen: Seen,
    mac_shares: Mapping[str, float],
) -> AccuracyRecord:
    """The record of one artifact; `over` is the verdict when it never got to its figures."""
    blank = replace(
        _blank(subject.artifact, subject, subject.tile, conditions),
        precision=subject.precision,
        reference=conditions.reference.description,
        device=info.device if info else None,
        reported_precision=info.reported_precision if info else None,
        mac_shares=mac_shares,
    )
    if over is not None or info is None:
        verdict = over or Verdict("not run", "it was never opened")
        return replace(blank, gate=verdict.gate, reason=verdict.reason)
    summary = summarise(rows)
    verdict = judge(_figures(subject, info, summary, seen), conditions.max_drop_db, conditions.limits)
    verdict = Verdict(verdict.gate, _joined(verdict.reason, info.caution, subject.note, seen.note))
    return replace(_filled(blank, summary, rows, verdict), likeness=seen.likeness, probes=seen.probes)


def _figures(subject: Subject, info: RunInfo, summary: Summary, seen: Seen) -> Figures:
    return Figures(
        precision=info.requested_precision,
        reported_precision=info.reported_precision,
        drop_mean_db=summary.drop_db,
        drop_worst_db=summary.worst_drop_db,
        to_reference_mean_db=summary.to_reference_db,
        to_reference_worst_db=summary.to_reference_worst_db,
        ssim_drop=summary.ssim_drop,
        fault=seen.fault,
        approximate=subject.approximate,
        pictures=subject.pictures,
        drop_abs_db=summary.abs_drop.value if summary.abs_drop else None,
        rgb_drop_abs_db=summary.rgb_abs_drop_db,
        rgb_drop_worst_db=summary.rgb_worst_drop_db,
        likeness=seen.likeness,
        probes=seen.probes,
        lost=seen.lost,
    )


def reference(
    tile: Tile, whole: Sequence[ImageRow], tiled: Sequence[Tiled], bicubic: Sequence[Tiled], conditions: Conditions
) -> AccuracyRecord:
    """The record of the reference itself: what tiling costs it, and whether it is better than bicubic at all."""
    record = _tiling(tile, whole, tiled, conditions)
    if not bicubic or not tiled:
        return record
    luma, colour = (
        judge_checkpoint(mean(ours), mean(plain), allowed=conditions.below_bicubic, colour=colour)
        for ours, plain, colour in (
            ([it.psnr_db for it in tiled], [it.psnr_db for it in bicubic], "y"),
            ([it.rgb_psnr_db for it in tiled], [it.rgb_psnr_db for it in bicubic], "rgb"),
        )
    )
    verdict = luma if luma.reason else colour
    gate = verdict.gate if verdict.gate == "fail" else record.gate
    return replace(record, gate=gate, reason=_joined(verdict.reason, record.reason))


def _tiling(tile: Tile, whole: Sequence[ImageRow], tiled: Sequence[Tiled], conditions: Conditions) -> AccuracyRecord:
    """`whole` compares its tiled output with the whole image's."""
    blank = replace(
        _blank(conditions.reference.tiled_name(tile), conditions.reference.identity, tile, conditions),
        reference="the whole image at once",
        psnr_db=finite(mean(it.psnr_db for it in tiled)) if tiled else None,
        ssim=mean(it.ssim for it in tiled) if tiled else None,
        device="CPU",
        reported_precision="fp32",
    )
    missing = len(tiled) - len(whole)
    if not whole:
        why = f"it needs {conditions.reference.identity.backend} and images that it takes whole"
        said = _joined(_discouraged(conditions), f"what tiling costs was not measured: {why}")
        return replace(blank, gate="not run", reason=said)
    summary = summarise(whole)
    costs = f"on these images it costs {summary.drop_db:+.4f} dB, at worst {summary.worst_drop_db:+.4f}"
    told = f"{said}: {costs} ({summary.worst_image})" if (said := _discouraged(conditions)) else ""
    verdict = judge_tiling([row.drop_db for row in whole], conditions.limits.tiling_db)
    left_out = f"{missing} images were too large to go through the network at once" if missing else ""
    return replace(
        _filled(blank, summary, whole, verdict),
        psnr_db=blank.psnr_db,  # of all images, not only of those that were compared
        ssim=blank.ssim,
        tiling_drop_db=finite(summary.drop_db),
        reason=_joined(verdict.reason, told, left_out),
    )


def _discouraged(conditions: Conditions) -> str:
    """What the network's makers say of tiles, where they do."""
    return f"tiling is {conditions.reference.tiling}" if conditions.reference.tiling else ""


def beside(record: AccuracyRecord, enlarged: Sequence[Tiled]) -> AccuracyRecord:
    """The record with bicubic's figures of the same images."""
    if not enlarged:
        return record
    psnr, ssim = mean(it.psnr_db for it in enlarged), mean(it.ssim for it in enlarged)
    return replace(record, bicubic_psnr_db=finite(psnr), bicubic_ssim=ssim)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _blank(name: str, identity: Identity, tile: Tile, conditions: Conditions) -> AccuracyRecord:
    return AccuracyRecord(
        artifact=name,
        model=conditions.origin.name,
        model_sha256=conditions.origin.sha256,
        precision="fp32",
        tile=tile,
        dataset=conditions.dataset.name,
        protocol=conditions.protocol(tile).id,
        reference="",
        gate="fail",
        reason="",
        limits=conditions.limits.name,
        role=identity.role,
        backend=identity.backend,
    )


def _filled(blank: AccuracyRecord, summary: Summary, rows: Sequence[ImageRow], verdict: Verdict) -> AccuracyRecord:
    """The record with its numbers; one that JSON cannot hold is null, and then the gate has failed on it."""
    return replace(
        blank,
        gate=verdict.gate,
        reason=verdict.reason,
        psnr_db=finite(summary.psnr_db),
        ssim=finite(summary.ssim),
        drop_db=finite(summary.drop_db),
        ssim_drop=finite(summary.ssim_drop),
        to_reference_db=summary.to_reference_db,
        to_reference_worst_db=summary.to_reference_worst_db,
        identical=summary.identical,
        worst_image=summary.worst_image,
        worst_drop_db=finite(summary.worst_drop_db),
        images=tuple(row for row in rows if math.isfinite(row.drop_db)),
        abs_drop_db=summary.abs_drop.value if summary.abs_drop else None,
        abs_drop_low_db=summary.abs_drop.low if summary.abs_drop else None,
        abs_drop_high_db=summary.abs_drop.high if summary.abs_drop else None,
        rgb_drop_db=summary.rgb_drop_db,
        rgb_abs_drop_db=summary.rgb_abs_drop_db,
        rgb_worst_drop_db=summary.rgb_worst_drop_db,
    )
