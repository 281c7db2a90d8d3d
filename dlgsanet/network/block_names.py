"""What the blocks of the network are called, on every backend; needs no torch.

`shallow`, then for each group `g0.b0.mhdlsa`, `g0.b0.mhdlsa.gdfn`, `g0.b0.gsa`, `g0.b0.gsa.gdfn` and so on, `g0.conv`
(the group's convolution, its input added), at last `deep` (the last 3x3 convolution, `shallow` added) and `sr`. All
but `sr` are states of the residual stream, (N, C, H, W). The names are the same on every backend.
"""

from __future__ import annotations

INPUT, SHALLOW, DEEP, OUTPUT = "lr", "shallow", "deep", "sr"
_MIXES = ("mhdlsa", "gsa")


def half_block(group: int, index: int, half: int) -> str:
    """Name of the stream behind the first (0) or second (1) half of module `index` of a group's body."""
    name = f"g{group}.b{index // 2}.{_MIXES[index % 2]}"
    return f"{name}.gdfn" if half else name


def group_end(group: int) -> str:
    """Name of a group's output."""
    return f"g{group}.conv"
