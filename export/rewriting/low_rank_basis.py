"""Fewer steered convolutions: the weakest directions of the filter networks' maps dropped (approximate, opt-in).

The filters of a block are F = A z + b with R = C/4 maps z. On calibration images z has a mean and a covariance; of
all r-dimensional parts of A (z - mean), the one along the strongest eigenvectors of A cov(z) A^T loses the least
energy. Keeping only it leaves a network of the same architecture whose A has rank r, and whose b has taken over the
mean. The exact passes then prove and use that rank (`export.rewriting.passes.factor_filters`); what it costs in dB is
judged by `check` against the untouched network, which stays in the bundle.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlgsanet.errors import GateError, InputError
from dlgsanet.imaging.pixel_hash import content_hash
from dlgsanet.imaging.pixels import to_hwc, to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from dlgsanet.metrics import psnr
from dlgsanet.network.layers import FilterNetwork
from dlgsanet.network.model import DLGSANet
from export.machine.threads import single_thread
from runtimes.bundle.artifact_facts import LowRankBasis

AUTO = "auto"
LOST = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
"""Shares of the filters' energy that `auto` tries to drop in every block, the largest first."""


@dataclass(frozen=True)
class Compression:
    """`model` (float64) has the filter networks of `basis`, whose shares and dB are those on the calibration images
    (the mean over them); `images`: name -> hash of the decoded pixels, by which `check` refuses to evaluate on them.
    `benchmarks`: those that they look like."""

    model: DLGSANet
    basis: LowRankBasis
    images: Mapping[str, str]
    benchmarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Directions:
    """One block: its directions strongest first. `vectors` (F, F or R), `energy` of each, `mean` of z (R,)."""

    vectors: Tensor
    energy: Tensor
    mean: Tensor

    def rank_for(self, lost: float) -> int:
        """The least rank that drops at most this share of the energy."""
        kept = torch.cumsum(self.energy, 0) / self.energy.sum()
        return min(len(self.energy), int((kept < 1 - lost).sum()) + 1)

    def lost_at(self, rank: int) -> float:
        return float(self.energy[rank:].sum() / self.energy.sum())


def compress(
    model: DLGSANet,
    pictures: Mapping[str, NDArray[np.uint8]],
    rank: int | str,
    max_drop_db: float,
    say: Callable[[str], None] = lambda step: None,
) -> Compression:
    """A copy of `model` with weaker filter networks; `rank` of every block, or AUTO: the lowest ranks that hold
    `max_drop_db` on `pictures` (name -> HR, uint8 (H, W, 3)).

    Raises InputError for a rank that is none, a static network or no pictures; GateError when the drop does not hold.
    """
    if not model.config.dynamic:
        raise InputError("expected dynamic filters, found the static ablation: leave --basis-rank out")
    full = model.config.hyper_channels
    if (isinstance(rank, str) and rank != AUTO) or (isinstance(rank, int) and not 1 <= rank <= full):
        raise InputError(f"expected --basis-rank {AUTO} or 1 to {full}, found {rank}: correct it")
    if not pictures:
        raise InputError("expected at least one calibration image, found none: give --calibration FOLDER")
    with single_thread(), torch.inference_mode():
        pairs = [_pair(picture, model.scale) for picture in pictures.values()]
        before = [psnr_of(model, lr, hr) for lr, hr in pairs]
        blocks = _directions(model, [lr for lr, _ in pairs])
        plans = [[rank] * len(blocks)] if isinstance(rank, int) else _plans(blocks)
        for ranks in plans:
            made = _with_ranks(model, blocks, ranks)
            after = [psnr_of(made, lr, hr) for lr, hr in pairs]
            drop = float(np.mean(before) - np.mean(after))
            say(f"ranks {', '.join(map(str, ranks))} of {full}: drop {drop:.4f} dB")
            if abs(drop) <= max_drop_db:
                lost = tuple(block.lost_at(r) for block, r in zip(blocks, ranks, strict=True))
                images = {name: content_hash(picture) for name, picture in pictures.items()}
                return Compression(made.double(), LowRankBasis(tuple(ranks), full, lost, drop), images)
    raise GateError(
        f"compressing the basis costs {drop:.4f} dB on the calibration images, expected at most {max_drop_db:g}: "
        f"give a larger --max-drop or rank"
    )


def parse_rank(text: str | None) -> int | str | None:
    """What --basis-rank means: a number, AUTO, or nothing. Raises InputError for anything else."""
    if text is None or text == AUTO:
        return text
    if not text.isascii() or not text.isdigit():
        raise InputError(f"expected --basis-rank {AUTO} or a whole number, found {text!r}: correct it")
    return int(text)


def psnr_of(model: DLGSANet, lr: Tensor, hr: NDArray[np.uint8]) -> float:
    """PSNR of the model's picture against HR in dB, as papers have it (Y, 8 bits, border = scale)."""
    sr = model(lr.to(model.mean.dtype)).float().numpy()
    return psnr(to_hwc(sr), hr, border=model.scale)


def _pair(picture: NDArray[np.uint8], scale: int) -> tuple[Tensor, NDArray[np.uint8]]:
    hr = crop_to_multiple(picture, scale)
    return torch.from_numpy(to_nchw(downscale_matlab8(hr, scale))), hr


def _plans(blocks: Sequence[_Directions]) -> list[list[int]]:
    plans = [[block.rank_for(lost) for block in blocks] for lost in LOST]
    return [*plans, [len(block.energy) for block in blocks]]


def _directions(model: DLGSANet, inputs: Sequence[Tensor]) -> list[_Directions]:
    """Sums of z and z z^T over all pixels, block by block, then the directions of A (z - mean)."""
    networks = [module for module in model.modules() if isinstance(module, FilterNetwork)]
    moments = [torch.zeros(model.config.hyper_channels + 1, model.config.hyper_channels, dtype=torch.float64)
               for _ in networks]  # fmt: skip
    pixels = [0] * len(networks)

    def watch(index: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], z: Tensor) -> None:
            flat = z.double().transpose(0, 1).flatten(1)  # (R, pixels)
            moments[index][0] += flat.sum(1)
            moments[index][1:] += flat @ flat.T
            pixels[index] += flat.shape[1]

        return hook

    handles = [network.conv1.register_forward_hook(watch(i)) for i, network in enumerate(networks)]
    try:
        for lr in inputs:
            model(lr)
    finally:
        for handle in handles:
            handle.remove()
    return [_of(network, m, n) for network, m, n in zip(networks, moments, pixels, strict=True)]


def _of(network: FilterNetwork, moments: Tensor, pixels: int) -> _Directions:
    mean = moments[0] / pixels
    covariance = moments[1:] / pixels - torch.outer(mean, mean)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp_min(0).sqrt()  # root root^T = covariance
    u, s, _ = torch.linalg.svd(_filters(network) @ root, full_matrices=False)
    return _Directions(u, s * s, mean)


def _filters(network: FilterNetwork) -> Tensor:
    last = network.conv2[0]
    assert isinstance(last, nn.Conv2d)
    return last.weight.detach().double()[:, :, 0, 0]


def _with_ranks(model: DLGSANet, blocks: Sequence[_Directions], ranks: Sequence[int]) -> DLGSANet:
    """A float64 copy whose A is U U^T A with the first `rank` columns of U, and whose b keeps the mean filter."""
    made = copy.deepcopy(model).double()
    networks = [module for module in made.modules() if isinstance(module, FilterNetwork)]
    for network, block, rank in zip(networks, blocks, ranks, strict=True):
        if rank == len(block.energy):
            continue
        last = network.conv2[0]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        whole, u = _filters(network), block.vectors[:, :rank]
        kept = u @ (u.T @ whole)
        last.bias.copy_(last.bias + (whole - kept) @ block.mean)
        last.weight.copy_(kept[:, :, None, None])
    return made
