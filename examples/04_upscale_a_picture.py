"""A picture of any size, in tiles that overlap, from file to file."""

from importlib.resources import files

from dlgsanet.imaging.files import read_rgb8, write_picture
from dlgsanet.imaging.pixels import to_hwc, to_nchw, to_uint8
from runtimes import open_runner
from runtimes.runner.tiling import upscale_tiled

lr = read_rgb8(str(files("dlgsanet") / "imaging/photographs/chelsea.png"))[100:200, 100:250]
with open_runner("bundle", "openvino-fp32") as run:
    sr = upscale_tiled(run, to_nchw(lr), scale=run.scale, tile=(72, 72), overlap=8)
write_picture("large.png", to_uint8(to_hwc(sr)))
print("wrote large.png:", lr.shape[:2], "->", sr.shape[2:])
