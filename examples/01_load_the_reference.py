"""The reference network by its shipped name: a photograph is made small, brought back, and judged."""

from importlib.resources import files

import torch

from dlgsanet import load_model
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.pixels import to_hwc, to_nchw, to_uint8
from dlgsanet.imaging.resize import downscale_matlab8, upscale_bicubic8
from dlgsanet.metrics import psnr

hr = read_rgb8(str(files("dlgsanet") / "imaging/photographs/astronaut.png"))  # 288 x 288 x 3, 8 bits
model = load_model("nano-x4")  # or the path of a checkpoint of yours
lr = downscale_matlab8(hr, model.scale)
with torch.inference_mode():
    sr = model(torch.from_numpy(to_nchw(lr)))  # N x 3 x H x W in [0, 1], and so is what comes out
print(f"bicubic {psnr(upscale_bicubic8(lr, model.scale), hr, border=model.scale):.2f} dB")
print(f"nano-x4 {psnr(to_uint8(to_hwc(sr.numpy())), hr, border=model.scale):.2f} dB")
