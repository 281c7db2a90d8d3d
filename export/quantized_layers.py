"""Which convolutions keep which precision: one choice for every backend."""

from __future__ import annotations

ENDS = ("overlap_embed", "upsample")
"""Parts of the names of the first and the last convolution. Beside bf16 layers they compute in fp32: the picture comes
out of the last one, and a pixel rounded to bf16 is at best 59 dB from the exact one. 3 to 5 dB to the reference for
less than 1 % of the time (all shipped networks)."""

KEPT = (*ENDS, "ffn.project_out", ".variance")
"""Parts of names of dense convolutions that stay as they are. The first one alone costs more than all others together
(41 dB to the reference on its worst tile of Set5), the last one comes next, then those that read the products of the
feed-forward gates, whose rare large values widen the range: 44.1 dB with none of them kept, 45.6 with the ends, 50.5
with all three (nano x4). The sums of squares of the normalisations (`.variance`) stay, since their roots divide
everything. Depthwise convolutions stay too: they cost decibels and gain no time."""


def stays(name: str) -> bool:
    """Whether the dense convolution of this name keeps its precision."""
    return any(part in name for part in KEPT)
