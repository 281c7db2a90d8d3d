"""Exact algebra on convolution weights, shared by the passes. Everything returns new modules."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def conv_like(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None, groups: int = 1) -> nn.Conv2d:
    """A convolution with the geometry of `conv` and these parameters: weight (out, in/groups, kH, kW)."""
    out, per_group = int(weight.shape[0]), int(weight.shape[1])
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    made = nn.Conv2d(
        per_group * groups,
        out,
        kernel,
        padding=(kernel[0] // 2, kernel[1] // 2),
        groups=groups,
        bias=bias is not None,
        dtype=conv.weight.dtype,
        device=conv.weight.device,
    )
    state = {"weight": weight.detach()} if bias is None else {"weight": weight.detach(), "bias": bias.detach()}
    made.load_state_dict(state, strict=True)
    return made


def fold_affine_before(conv: nn.Conv2d, scale: Tensor, shift: Tensor) -> nn.Conv2d:
    """W (scale * n + shift) + b = (W diag(scale)) n + (W shift + b) for a 1x1 convolution; scale, shift: (C,).

    Exact at the border too, because a 1x1 convolution pads nothing.
    """
    bias = torch.einsum("oihw,i->o", conv.weight, shift)
    if conv.bias is not None:
        bias = bias + conv.bias
    return conv_like(conv, conv.weight * scale[None, :, None, None], bias)


def compose_1x1(outer: nn.Conv2d, inner: nn.Conv2d) -> nn.Conv2d:
    """Wo (Wi n + bi) + bo = (Wo Wi) n + (Wo bi + bo), both 1x1."""
    weight = torch.einsum("oc,ci->oi", outer.weight[:, :, 0, 0], inner.weight[:, :, 0, 0])[:, :, None, None]
    bias = outer.bias
    if inner.bias is not None:
        folded = torch.einsum("oc,c->o", outer.weight[:, :, 0, 0], inner.bias)
        bias = folded if bias is None else folded + bias
    return conv_like(outer, weight, bias)


def slice_outputs(conv: nn.Conv2d, start: int, length: int) -> nn.Conv2d:
    """The convolution that computes only `length` output channels from `start`; dense or depthwise."""
    stop = start + length
    groups = 1 if conv.groups == 1 else length
    return conv_like(conv, conv.weight[start:stop], None if conv.bias is None else conv.bias[start:stop], groups)


def split(x: Tensor, sizes: Sequence[int], dim: int) -> list[Tensor]:
    """Cut one axis into consecutive stretches of these sizes, as one operation in the traced graph."""
    if len(sizes) == 1:
        return [x]
    parts = torch.split(x, list(sizes), dim)
    return [parts[index] for index in range(len(sizes))]  # a traced value cannot be unpacked
