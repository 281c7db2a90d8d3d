"""One picture after the other, each as a whole: what the pipeline must give, too."""

from __future__ import annotations

from dlgsanet.imaging.files import read_picture, write_picture
from dlgsanet.imaging.pixels import to_hwc, to_nchw
from dlgsanet.imaging.resize import resize_bicubic
from runtimes.runner.contract import Runner
from runtimes.runner.tiling import upscale_tiled
from runtimes.upscale.plan import PictureJob


def upscale_picture(run: Runner, job: PictureJob, overlap: int) -> None:
    picture = read_picture(job.source)
    tile = run.tile_for((job.height, job.width), overlap)
    large = to_hwc(upscale_tiled(run.infer, to_nchw(picture.rgb), run.scale, tile, overlap))
    height, width = large.shape[:2]
    alpha = None
    if picture.alpha is not None:
        alpha = resize_bicubic(picture.alpha[:, :, None], height, width)[:, :, 0].clip(0, 1)
    about = picture.about.sized(width, height)
    write_picture(
        job.target, large, alpha, picture.bits, picture.grey, picture.icc, picture.space.chunks, about, job.quality
    )
