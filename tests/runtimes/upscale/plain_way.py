"""One picture after the other: what the pipeline must give, too."""

from __future__ import annotations

from runtimes.machine.stage_clock import StageClock
from runtimes.runner.contract import Runner
from runtimes.upscale.plan import PictureJob
from runtimes.upscale.run import compute_picture, read_input, write_output


def upscale_picture(run: Runner, job: PictureJob, overlap: int) -> None:
    picture = read_input(job)
    write_output(job, picture, compute_picture(run, picture, overlap, lambda: None, StageClock()))
