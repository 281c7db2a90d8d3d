"""Architectures of spandrel, small, with weights that are nobody's: drawn from a seed and taught a little.

A network with random weights gives no picture, and gates that look at pictures say nothing of it. So each learns, for
STEPS steps of Adam, to enlarge two photographs as their nearest pixels do.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dlgsanet.imaging.photographs import PHOTOGRAPHS
from dlgsanet.imaging.pixels import to_nchw

STEPS, RATE, SEED = 40, 2e-3, 0
TILE = (32, 32)
CONV, MERGED, WINDOW, CHANNEL = "convolutions", "re-parameterised", "window attention", "channel attention"


@dataclass(frozen=True)
class ZooNetwork:
    """`made`: module below spandrel.architectures and class, with `options`."""

    name: str
    kind: str
    scale: int
    made: str
    options: Mapping[str, Any]


_ONE_GROUP: Mapping[str, Any] = {"depths": [2], "num_heads": [2], "window_size": 8, "embed_dim": 16, "mlp_ratio": 2.0}
_DIRECT: Mapping[str, Any] = {"upscale": 2, "upsampler": "pixelshuffledirect"}
_SHUFFLE: Mapping[str, Any] = {"upscale": 2, "upsampler": "pixelshuffle"}
NETWORKS = tuple(
    ZooNetwork(name, kind, scale, made, options)
    for name, kind, scale, made, options in (
        ("Compact", CONV, 2, "Compact.Compact", {"num_feat": 16, "num_conv": 4, "upscale": 2}),
        ("ESRGAN", CONV, 2, "ESRGAN.ESRGAN", {"num_filters": 16, "num_blocks": 1, "scale": 2}),
        ("SwiftSRGAN", CONV, 2, "SwiftSRGAN.SwiftSRGAN", {"num_channels": 16, "num_blocks": 2, "upscale_factor": 2}),
        ("RealCUGAN", CONV, 2, "RealCUGAN.UpCunet2x", {}),
        ("PLKSR", CONV, 2, "PLKSR.PLKSR", {"dim": 16, "n_blocks": 2, "upscaling_factor": 2}),
        ("RealPLKSR", CONV, 2, "PLKSR.RealPLKSR", {"dim": 16, "n_blocks": 2, "upscaling_factor": 2}),
        ("MoSR", CONV, 2, "MoSR.MoSR", {"n_block": 2, "dim": 16, "upscale": 2}),
        ("SPAN", MERGED, 2, "SPAN.SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16, "upscale": 2}),
        ("MoESR", MERGED, 2, "MoESR.MoESR", {"dim": 16, "n_blocks": 1, "n_block": 2, "scale": 2, "upsample_dim": 16}),
        ("SAFMN", CHANNEL, 2, "SAFMN.SAFMN", {"dim": 16, "n_blocks": 2, "upscaling_factor": 2}),
        ("RCAN", CHANNEL, 2, "RCAN.RCAN", {"scale": 2, "n_resgroups": 1, "n_resblocks": 2, "n_feats": 16}),
        ("SeemoRe", CHANNEL, 2, "SeemoRe.SeemoRe", {
            "scale": 2, "num_experts": 3, "num_layers": 1, "embedding_dim": 16,
        }),
        ("NAFNet", CHANNEL, 1, "NAFNet.NAFNet", {"width": 8, "enc_blk_nums": [1], "dec_blk_nums": [1]}),
        ("DITN", CHANNEL, 2, "DITN.DITN", {"dim": 16, "ITL_blocks": 1, "SAL_blocks": 1, "upscale": 2}),
        ("DCTLSA", WINDOW, 2, "DCTLSA.DCTLSA", {"nf": 20, "num_modules": 6, "upscale": 2}),
        ("OmniSR", WINDOW, 2, "OmniSR.OmniSR", {"num_feat": 16, "up_scale": 2}),
        ("SwinIR", WINDOW, 2, "SwinIR.SwinIR", {**_ONE_GROUP, **_DIRECT, "img_size": 32}),
        ("Swin2SR", WINDOW, 2, "Swin2SR.Swin2SR", {**_ONE_GROUP, **_DIRECT, "img_size": 32}),
        ("HAT", WINDOW, 2, "HAT.HAT", {**_ONE_GROUP, **_SHUFFLE, "img_size": 32, "squeeze_factor": 4, "num_feat": 16}),
        ("DAT", WINDOW, 2, "DAT.DAT", {
            "img_size": 32, "embed_dim": 32, "split_size": [8, 8], "depth": [2], "num_heads": [2],
            "expansion_factor": 2.0, **_DIRECT,
        }),
        ("DRCT", WINDOW, 2, "DRCT.DRCT", {
            **_SHUFFLE, "img_size": 32, "embed_dim": 16, "depths": (6,), "num_heads": (2,), "window_size": 8, "gc": 8,
        }),
        ("ATD", WINDOW, 2, "ATD.ATD", {
            **_ONE_GROUP, **_DIRECT, "img_size": 32, "category_size": 64, "num_tokens": 16,
        }),
        ("CRAFT", WINDOW, 2, "CRAFT.CRAFT", {"embed_dim": 48, "depths": [2], "num_heads": [6], "upscale": 2}),
        ("FDAT", WINDOW, 2, "FDAT.FDAT", {
            "scale": 2, "embed_dim": 16, "num_groups": 1, "depth_per_group": 2, "num_heads": 2, "mid_dim": 16,
            "upsampler_type": "pixelshuffledirect",
        }),
    )
)  # fmt: skip
"""Of each kind, those whose small form spandrel recognises again from its weights."""


def make(network: ZooNetwork, file: Path) -> None:
    """Build it, teach it, and write its weights."""
    torch.manual_seed(SEED)
    place, _, name = network.made.partition(".")
    module: nn.Module = getattr(importlib.import_module(f"spandrel.architectures.{place}"), name)(**network.options)
    _teach(module, network.scale)
    torch.save(module.state_dict(), file)


def _teach(module: nn.Module, scale: int) -> None:
    pictures = [torch.from_numpy(to_nchw(photograph.read())) for photograph in PHOTOGRAPHS]
    steps = torch.optim.Adam(module.parameters(), RATE)
    places = np.random.default_rng(SEED)
    module.train()
    for _ in range(STEPS):
        y, x = (int(places.integers(side - TILE[0])) for side in pictures[0].shape[2:])
        lr = torch.cat([picture[:, :, y : y + TILE[0], x : x + TILE[1]] for picture in pictures])
        loss = (module(lr) - nn.functional.interpolate(lr, scale_factor=scale)).abs().mean()
        steps.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        steps.step()
    module.eval()
