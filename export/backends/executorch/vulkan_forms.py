"""How a network is given to ExecuTorch's delegate for Vulkan. It takes some operators that it computes wrongly, and no
machine of ours has it: those get another form, or are refused, and what it is given is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlgsanet.errors import BackendError, InputError
from export.backends.executorch.onnx_module import require_form
from export.graph.attributes import attributes_of
from export.graph.graph import Graph

SAME = 1e-4
"""Of the largest value: what another order of sums changes is below a hundredth of it."""

_ERFC_P, _ERFC = 0.3275911, (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_OWN_SHADERS = ((3, 3), (5, 5))
"""Kernels of depthwise convolutions for which the delegate has another shader, which keeps its place."""


def require_vulkan_form(graph: Graph) -> None:
    """As `require_form`, and for a convolution in groups that is not depthwise, one filter for each channel: Vulkan's
    delegate takes it and computes it as a dense one."""
    require_form(graph)
    weights = {item.name: tuple(item.dims) for item in graph.model.graph.initializer}
    for node in graph.model.graph.node:
        if node.op_type != "Conv":
            continue
        groups, shape = attributes_of(node).get("group", 1), weights.get(node.input[1], ())
        if groups != 1 and shape[:2] != (groups, 1):
            raise InputError(
                f"{node.name}: ExecuTorch's Vulkan delegate computes this convolution in {groups} groups wrongly: "
                "leave executorch-vulkan out of --to"
            )


def vulkan_forms() -> dict[Any, Any]:
    """Operator -> its form, for `ExportedProgram.run_decompositions`."""
    aten = torch.ops.aten
    return {aten.maximum.default: _larger, aten.conv2d.default: _convolution, aten.gelu.default: _gelu}


def require_same(lowered: Callable[[Tensor], Tensor], module: Callable[[Tensor], Tensor], shape: Sequence[int]) -> None:
    """Raise BackendError where the network that a delegate was given computes something else than the graph, both in
    PyTorch and fp32."""
    lr = torch.rand(tuple(shape), generator=torch.Generator().manual_seed(0))
    expected, found = module(lr), lowered(lr)
    worst, peak = float((found - expected).abs().max()), float(expected.abs().max())
    if not worst <= SAME * peak:
        raise BackendError(
            f"the network that ExecuTorch gave its delegate is another one: it differs by {worst:.1e} where {peak:.1e} "
            "is the largest value; please report this"
        )


def _larger(one: Tensor, other: Tensor) -> Tensor:
    """The delegate has the smaller one of two; negating rounds nothing."""
    return -torch.minimum(-one, -other)


def _gelu(x: Tensor, *, approximate: str = "none") -> Any:
    """The delegate computes an approximation by tanh, off by up to 5e-4, whatever is asked for. This is off by less
    than 1e-6: relu(x) - |x| erfc(|x| / sqrt 2) / 2, erfc by Abramowitz and Stegun's formula 7.1.26."""
    if approximate != "none":
        return NotImplemented  # as it is
    size = torch.abs(x)
    t = torch.ones_like(size) / (size * (_ERFC_P * 0.5**0.5) + 1.0)  # it has no reciprocal
    series = t * _ERFC[-1]
    for factor in reversed(_ERFC[:-1]):
        series = (series + factor) * t
    return torch.relu(x) - size * 0.5 * series * torch.exp(x * x * -0.5)


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Any:
    """Zeros around a depthwise convolution are written out: the delegate's shader for all sizes loses its place in the
    kernel where it leaves out columns beyond the right border."""
    own_shader = tuple(weight.shape[2:]) in _OWN_SHADERS and {*stride, *dilation} == {1}
    if groups == 1 or own_shader or not any(padding):
        return NotImplemented  # as it is
    top, left = padding
    return torch.conv2d(F.pad(x, (left, left, top, top)), weight, bias, stride, 0, dilation, groups)
