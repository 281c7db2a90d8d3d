from __future__ import annotations

import pytest
import torch

from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.config import ACTIVATIONS
from export.rewriting.pass_contract import PassContext
from export.rewriting.passes.attention import SCALE_AFTER_MATMUL, SPLIT_QKV, UNROLL_TLC
from export.rewriting.passes.attention_by_cells import ATTEND_BY_CELLS, CellAttention, cell_of
from export.rewriting.passes.tlc_windows import windows_for


class Holder(torch.nn.Module):
    """Passes replace what lies below a root."""

    def __init__(self, attention: SparseGSA) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x)


def by_cells(tile: tuple[int, int], window: int, activation: str = "relu") -> tuple[Holder, SparseGSA, str | None]:
    torch.manual_seed(0)
    source = SparseGSA(12, window, activation).double().eval().requires_grad_(False)
    source.temperature.copy_(torch.rand(6, 1, 1) + 0.5)
    holder = Holder(source)
    for step in (UNROLL_TLC, SCALE_AFTER_MATMUL, SPLIT_QKV):
        assert step.run(holder, PassContext(tile, "basis")).places == 1
    return holder, source, ATTEND_BY_CELLS.run(holder, PassContext(tile, "basis")).reason


@pytest.mark.parametrize(
    ("tile", "window", "cell"),
    [((16, 24), 12, (4, 12)), ((128, 64), 48, (8, 16)), ((9, 7), 20, (9, 7)), ((40, 8), 24, (8, 8))],
)
def test_cells_are_exact(tile: tuple[int, int], window: int, cell: tuple[int, int]) -> None:
    holder, source, reason = by_cells(tile, window)
    assert reason is None and isinstance(holder.attention, CellAttention) and holder.attention.cell == cell
    x = torch.randn(1, 12, *tile, dtype=torch.float64)
    assert torch.allclose(holder(x), source(x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "softmax"])
def test_every_elementwise_activation_is_exact(activation: str) -> None:
    holder, source, reason = by_cells((16, 24), 12, activation)
    x = torch.randn(1, 12, 16, 24, dtype=torch.float64)
    assert reason is None and torch.allclose(holder(x), source(x), rtol=0, atol=1e-13)


def test_a_wrong_share_is_seen() -> None:
    holder, source, _ = by_cells((16, 24), 12)
    holder.attention.spread[0, 0] *= 1 + 1e-9
    x = torch.randn(1, 12, 16, 24, dtype=torch.float64)
    assert not torch.allclose(holder(x), source(x), rtol=0, atol=1e-13)


def test_softmax_and_windows_off_any_grid_are_refused() -> None:
    assert "softmax" in str(by_cells((16, 24), 12, "softmax")[2])
    assert "grid coarser than 1x1" in str(by_cells((13, 11), 5)[2])


def test_the_grid_is_the_coarsest() -> None:
    assert cell_of(windows_for((128, 128), 48)) == (8, 8)
    assert cell_of(windows_for((64, 64), 48)) == (16, 16)
    assert cell_of(windows_for((180, 320), 48)) == (4, 2)
