"""`bench --job`: where the time of a whole job of `upscale` goes. The code that users run does it, with a clock."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.latency.options import BenchOptions
from benchmarks.records.latency import JobRecord
from benchmarks.records.result_file import require_place
from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import InputError
from runtimes.bundle.manifest import read_manifest
from runtimes.machine.clock import now_ms
from runtimes.machine.memory import peak_rss_mb
from runtimes.machine.power import energy_meter, governor, supply, temperatures
from runtimes.machine.stage_clock import StageClock
from runtimes.runner.contract import RunInfo
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import UpscalePlan, plan_upscale
from runtimes.upscale.run import Upscaled, run_upscale
from runtimes.upscale.video.plan import VideoPlan
from runtimes.upscale.video.run import VideoDone, run_video


@dataclass(frozen=True)
class _Did:
    """What was done, in pictures or frames and LR pixels."""

    info: RunInfo
    images: int
    pixels: int


def plan_job(options: BenchOptions) -> Path:
    """The picture, folder or video. Raises InputError for options that belong to tiles and a place that will not do."""
    job = options.job
    if job is None or not job.exists():
        raise InputError(f"expected a picture, folder or video for --job, found nothing at {job}; correct it")
    if options.for_tiles():
        raise InputError(f"{' and '.join(options.for_tiles())}: for single tiles only; leave it out with --job")
    if len(options.artifacts) > 1:
        raise InputError("expected at most one --artifact with --job, found more: bench them one after the other")
    if options.json is not None:
        require_place(options.json)
    return job


def time_job(options: BenchOptions, voice: Voice = PLAIN) -> JobRecord:
    """Do the job into a folder that is removed. Raises as `plan_job` and as `upscale` does."""
    job = plan_job(options)
    before, clock = temperatures(), StageClock()
    with tempfile.TemporaryDirectory(prefix="dlgsanet-job-") as folder, energy_meter(log=options.power_log) as meter:
        start = now_ms()
        plan = plan_upscale(_wanted(options, job, Path(folder) / "large"), None, voice)
        did = _run(plan, voice, clock)
        took_ms, energy = now_ms() - start, meter.read()
    manifest = read_manifest(options.bundle)
    seconds = clock.span_ms() / 1e3
    return JobRecord(
        role="artifact",
        backend=did.info.backend,
        artifact=did.info.artifact,
        model=manifest.source.name,
        model_sha256=manifest.source.sha256,
        job="video" if isinstance(plan, VideoPlan) else "folder" if job.is_dir() else "picture",
        images=did.images,
        input_megapixels=did.pixels / 1e6,
        output_megapixels=did.pixels * manifest.scale**2 / 1e6,
        start_seconds=took_ms / 1e3 - seconds,
        seconds=seconds,
        stages_ms={str(stage): value for stage, value in clock.busy_ms().items()},
        waiting_ms=max(clock.span_ms() - clock.beside_engine_ms(), 0.0),
        energy_source=energy.source,
        joules=energy.joules,
        supply=supply(),
        governor=governor(),
        celsius_before=before,
        celsius_after=temperatures(),
        device=did.info.device,
        reported_precision=did.info.reported_precision,
        threads=did.info.threads,
        peak_rss_mb=peak_rss_mb(),
    )


def _wanted(options: BenchOptions, job: Path, output: Path) -> UpscaleOptions:
    return UpscaleOptions(
        inputs=(job,),
        output=output,
        bundle=options.bundle,
        artifact=options.artifacts[0] if options.artifacts else None,
        device=options.device,
        threads=options.threads,
    )


def _run(plan: UpscalePlan | VideoPlan, voice: Voice, clock: StageClock) -> _Did:
    if isinstance(plan, VideoPlan):
        return _video(plan, run_video(plan, voice, clock))
    return _pictures(run_upscale(plan, voice, clock))


def _pictures(done: Upscaled) -> _Did:
    if done.info is None:
        raise InputError("expected at least one picture for --job, found none")
    return _Did(done.info, len(done.jobs), sum(job.height * job.width for job in done.jobs))


def _video(plan: VideoPlan, done: VideoDone) -> _Did:
    return _Did(done.info, done.frames, done.frames * plan.clip.height * plan.clip.width)
