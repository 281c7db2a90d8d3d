"""Norms by peak: the identity in float64, and what they are for: rows that fp16 can hold but not square."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from export.rewriting.passes.half_safe_norms import (
    NORMALISE_BY_PEAK,
    UNIT_BY_PEAK,
    UnitByPeak,
    _unit,
    normalise_by_peak,
)
from export.rewriting.passes.layer_norm import normalise
from export.rewriting.rewrite import passes_for
from export.targets.table import TARGETS, Target


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0, 300.0, 6e4])
def test_both_are_exact_for_rows_of_any_size(size: float) -> None:
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * size
    x[0, :, 0, 0] = 3.5  # a pixel without any variance
    assert torch.allclose(normalise_by_peak(x), normalise(x), rtol=1e-12, atol=1e-13)
    rows = x.reshape(2, 6, 20)
    rows[0, 0] = 0
    assert torch.allclose(_unit(rows), F.normalize(rows, dim=-1, eps=1e-12), rtol=1e-12, atol=1e-13)


def half(x: torch.Tensor) -> torch.Tensor:
    with np.errstate(over="ignore"):
        return torch.from_numpy(x.numpy().astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("size", [0.003, 400.0])
def test_the_plain_norm_leaves_fp16_where_the_norm_by_peak_does_not(size: float) -> None:
    x = half(torch.randn(1, 24, 3, 3, generator=torch.Generator().manual_seed(1)) * size)
    centred = half(x - half(x.mean(1, keepdim=True)))
    plain = half(half(centred * centred).mean(1, keepdim=True))
    exact = (centred.double() ** 2).mean(1, keepdim=True)
    lost = (plain.double() / exact - 1).abs().max()
    assert not lost < 1e-3  # overflow gives infinity, subnormal squares lose their digits
    peak = centred.abs().amax(1, keepdim=True)
    scaled = half(centred / peak)
    ours = half(half(scaled * scaled).mean(1, keepdim=True))
    assert ((ours.double() * peak.double() ** 2) / exact - 1).abs().max() < 2e-3


def test_zero_rows_give_zero_scores() -> None:
    scores = UnitByPeak(type("Source", (), {"temperature": torch.ones(1, 1, 1)})())
    q = torch.zeros(1, 2, 3, 8)
    assert torch.equal(scores(q, torch.randn(1, 2, 3, 8)), torch.zeros(1, 2, 3, 3))


@pytest.mark.parametrize("row", TARGETS, ids=lambda row: row.name)
def test_only_targets_that_compute_in_fp16_get_them(row) -> None:
    """TensorRT's graphs are typed and keep sums of norms in fp32 by themselves."""
    names = {step.name for step in passes_for(Target(row.backend, row.precision))}
    named = row.name in ("openvino-fp16", "executorch-vulkan-fp16")
    in_half = row.backend in ("coreml", "executorch-coreml") or named
    assert (NORMALISE_BY_PEAK.name in names) == (UNIT_BY_PEAK.name in names) == in_half
    assert ("scale-after-matmul" in names) != in_half
