"""The reference network as named steps, each of which can be run by itself on any input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from dlgsanet.network.block_names import DEEP, INPUT, OUTPUT, SHALLOW, group_end, half_block
from dlgsanet.network.model import DLGSANet, GlobalBlock, Group, LocalBlock


@dataclass(frozen=True)
class Step:
    """`run` maps the values named in `reads` to this one."""

    name: str
    reads: tuple[str, ...]
    run: Callable[..., Tensor]


def steps(model: DLGSANet) -> list[Step]:
    """The whole network in order: run one after the other, they give what `model` gives."""
    found = [Step(SHALLOW, (INPUT,), partial(_shallow, model))]
    *groups, last = model.deep_feature_extraction
    for number, group in enumerate(groups):
        assert isinstance(group, Group)
        start = found[-1].name
        *blocks, conv = group.body
        for index, block in enumerate(blocks):
            assert isinstance(block, (LocalBlock, GlobalBlock))
            for half, run in enumerate((block.mix, block.feed_forward)):
                found.append(Step(half_block(number, index, half), (found[-1].name,), run))
        found.append(Step(group_end(number), (found[-1].name, start), partial(_closed, conv)))
    found.append(Step(DEEP, (found[-1].name, SHALLOW), partial(_closed, last)))
    found.append(Step(OUTPUT, (DEEP,), partial(_upsampled, model)))
    return found


def _shallow(model: DLGSANet, lr: Tensor) -> Tensor:
    out: Tensor = model.overlap_embed(lr - model.mean)
    return out


def _closed(conv: nn.Module, x: Tensor, start: Tensor) -> Tensor:
    out: Tensor = conv(x) + start
    return out


def _upsampled(model: DLGSANet, deep: Tensor) -> Tensor:
    out: Tensor = model.upsample(deep) + model.mean
    return out
