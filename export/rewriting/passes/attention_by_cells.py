"""SparseGSA over a grid of cells: windows that overlap share the sums of their cells, and nothing is cut.

Where all windows begin and end on a grid, both steps of the attention are sums over cells. The products
k q^T of a window are those of its cells added up; and a pixel's mean over its windows of A v is one matrix,
the mean of their A, times v. So q, k and v are read once, cells are a batch, and what leads from cells to
windows and back is a product with a constant matrix. The last 1x1 goes into that matrix as well.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dlgsanet.network.attention import NORM_EPS, activate
from dlgsanet.network.config import HEADS
from export.rewriting.pass_contract import Outcome, Pass, PassContext, replace_all
from export.rewriting.passes.attention import (
    SCALE_AFTER_MATMUL,
    SPLIT_QKV,
    UNROLL_TLC,
    SplitQKV,
    TileAttention,
    UnitAfter,
)
from export.rewriting.passes.tlc_windows import Axis, Windows

LEAST_PIXELS = 32  # of a cell: each has its own C x C matrix, which smaller cells would not pay for


class CellAttention(nn.Module):
    """Twin of a TileAttention whose windows lie on a grid: (1, C, H, W) -> (1, C, H, W)."""

    shared: Tensor  # (windows, cells): 1 where a window holds a cell
    spread: Tensor  # (cells, windows): the same, divided by how many windows hold the cell
    heads: Tensor  # (C, C): 1 where two channels are of one head
    out: Tensor  # (C, C): the last 1x1, transposed
    temperature: Tensor  # (1, 1, C), of the channel's head

    def __init__(self, source: TileAttention, tile: tuple[int, int]) -> None:
        super().__init__()
        parts, scores = source.projections, source.scores
        assert isinstance(parts, SplitQKV) and isinstance(scores, UnitAfter)
        self.tile, self.activation, self.channels = tile, source.activation, source.channels
        self.windows, self.cell = source.windows.count, cell_of(source.windows)
        self.pointwise, self.depthwise = parts.pointwise, parts.depthwise
        weight = source.project_out.weight[:, :, 0, 0].detach()
        held = _held(source.windows, self.cell).to(weight)
        per_head = self.channels // HEADS
        self.register_buffer("shared", held)
        self.register_buffer("spread", (held / held.sum(0)).T.contiguous())
        self.register_buffer("heads", torch.kron(torch.eye(HEADS), torch.ones(per_head, per_head)).to(weight))
        self.register_buffer("out", weight.T.contiguous())
        self.register_buffer("temperature", scores.temperature.detach().repeat_interleave(per_head, 0).view(1, 1, -1))

    def forward(self, x: Tensor) -> Tensor:
        c, windows = self.channels, self.windows
        parts = [depth(point(x)) for point, depth in zip(self.pointwise, self.depthwise, strict=True)]
        q, k, v = (self._cells(part) for part in parts)  # (cells, pixels, C)
        gram = self._to_windows(k.permute(0, 2, 1) @ q, c * c).reshape(windows, c, c)  # rows k, columns q
        q_norm, k_norm = (self._norm(part) for part in (q, k))
        scaled = gram * (self.temperature / q_norm) / k_norm.reshape(windows, c, 1)
        mixing = (activate(scaled, self.activation) * self.heads) @ self.out  # (windows, C of v, C out)
        per_cell = (self.spread @ mixing.reshape(windows, c * c)).reshape(-1, c, c)
        return self._picture(v @ per_cell)

    def _cells(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (cells, pixels of a cell, C), cells row by row."""
        (h, w), (ch, cw), c = self.tile, self.cell, self.channels
        rows = x.permute(0, 2, 3, 1).reshape(h // ch, ch, w // cw, cw * c)
        return rows.permute(0, 2, 1, 3).reshape(-1, ch * cw, c)

    def _picture(self, cells: Tensor) -> Tensor:
        (h, w), (ch, cw), c = self.tile, self.cell, self.channels
        rows = cells.reshape(h // ch, w // cw, ch, cw * c).permute(0, 2, 1, 3)
        return rows.reshape(1, h, w, c).permute(0, 3, 1, 2)

    def _to_windows(self, per_cell: Tensor, size: int) -> Tensor:
        return self.shared @ per_cell.reshape(-1, size)

    def _norm(self, x: Tensor) -> Tensor:
        """max(L2 norm over a window's pixels, eps) per channel: (windows, 1, C)."""
        squares = self._to_windows(torch.sum(x * x, 1, True), self.channels)
        return torch.clamp_min(torch.sqrt(squares), NORM_EPS).reshape(-1, 1, self.channels)


def cell_of(windows: Windows) -> tuple[int, int]:
    """(height, width) in pixels of the coarsest grid on which all windows begin and end."""
    rows, cols = (_step(axis) for axis in (windows.rows, windows.cols))
    return rows, cols


def _step(axis: Axis) -> int:
    return math.gcd(axis.length, *(edge for start in axis.starts for edge in (start, start + axis.size)))


def _held(windows: Windows, cell: tuple[int, int]) -> Tensor:
    """(windows, cells): 1 where the window holds the cell; windows as `Windows.cut` orders them."""
    rows, cols = (_covers(axis, step) for axis, step in zip((windows.rows, windows.cols), cell, strict=True))
    return torch.kron(rows, cols)


def _covers(axis: Axis, step: int) -> Tensor:
    first = torch.arange(0, axis.length, step)
    starts = torch.tensor(axis.starts)[:, None]
    return ((starts <= first) & (first < starts + axis.size)).double()


def _to_cells(root: nn.Module, context: PassContext) -> Outcome:
    found = [module for module in root.modules() if isinstance(module, TileAttention)]
    for module in found:
        reason = _refusal(module)
        if reason:
            return Outcome(0, reason)
    return Outcome(replace_all(root, TileAttention, lambda source: CellAttention(source, context.tile)))


def _refusal(attention: TileAttention) -> str | None:
    height, width = cell_of(attention.windows)
    if height * width < LEAST_PIXELS:
        return f"the windows of this tile share no grid coarser than {height}x{width} pixels: take another tile"
    if attention.activation == "softmax":
        return "softmax couples the channels of a head, which a product over all channels would mix"
    return None


ATTEND_BY_CELLS = Pass(
    "attend-by-cells",
    "sum over a window = sum over its cells; mean over windows of W (A v) = (W mean A) v on each cell",
    _to_cells,
    needs=(UNROLL_TLC.name, SCALE_AFTER_MATMUL.name, SPLIT_QKV.name),
)
