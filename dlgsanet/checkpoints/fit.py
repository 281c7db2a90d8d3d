"""Which network a state is, and whether it is whole: by names and shapes, before any network is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from dlgsanet.checkpoints.containers import MAX_BYTES
from dlgsanet.checkpoints.layouts import MARKER
from dlgsanet.checkpoints.words import some
from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet

_LAST = "upsample.0.weight"
_GROUP = re.compile(r"deep_feature_extraction\.(0|[1-9][0-9]{0,8})\.(.*)", re.DOTALL)
_BLOCK = re.compile(r"body\.(0|[1-9][0-9]{0,8})\.(.*)", re.DOTALL)
_NAMES_OF_A_LAYER = 8  # and more; indices are read from names, and any one name can announce a million layers
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def require_plain(state: Mapping[str, Tensor], name: str) -> None:
    """Refuse tensors that are not plain arrays of floats, all there. Raises InputError naming them."""
    if odd := [f"{key} ({kind})" for key, value in state.items() if (kind := _oddness(value))]:
        raise InputError(
            f"expected plain tensors of floating point in {name}, found {some(odd)}: save them dense, in float32"
        )
    total = sum(4 * value.numel() for value in state.values())
    if total > MAX_BYTES:
        raise InputError(
            f"expected weights below 2 GiB in {name}, found {total >> 20} MiB: this is another kind of file"
        )


def _oddness(value: Tensor) -> str:
    """What keeps a tensor from being a plain array; an empty text for nothing."""
    if value.is_nested:
        return "nested"
    if value.layout is not torch.strided:
        return "sparse"
    if value.is_quantized:
        return "quantized"
    if value.device.type == "meta":
        return "without data"
    if value.dtype not in _FLOATS:
        return str(value.dtype).removeprefix("torch.")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return "larger than its data"
    return ""


def infer_config(state: Mapping[str, Tensor], activation: str, name: str) -> ModelConfig:
    """Configuration that the tensors' names and shapes imply. Raises InputError if they are another network's."""
    embed, last = state.get(MARKER), state.get(_LAST)
    if embed is None or last is None or embed.shape[1:] != (3, 3, 3) or last.ndim != 4:
        raise InputError(
            f"expected a DLGSANet checkpoint with {MARKER} (C, 3, 3, 3) and {_LAST} (3*s*s, C, 3, 3), found {name} "
            f"with {some(sorted(state))}: this is another network's file"
        )
    groups, layers = _counts(state)
    if groups * layers * _NAMES_OF_A_LAYER > 2 * len(state):  # do not expect what the file cannot fill
        raise InputError(
            f"expected consecutive groups and blocks in {name}, found indices up to {groups - 1} and {layers - 1} "
            f"in {len(state)} tensors: it is not whole"
        )
    scale = round((last.shape[0] / 3) ** 0.5)
    if 3 * scale * scale != last.shape[0]:
        raise InputError(f"expected 3*s*s channels in {_LAST} of {name}, found {last.shape[0]}")
    dynamic = "deep_feature_extraction.0.body.0.IDynamicDWConv.conv.weight" not in state
    return ModelConfig(embed.shape[0], groups, (layers - 1) // 2, scale, dynamic, activation)


def _counts(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Groups, and layers of the first group, by the largest indices in the names."""
    groups = layers = -1
    for key in state:
        if (group := _GROUP.fullmatch(key)) and (block := _BLOCK.fullmatch(group[2])):
            groups = max(groups, int(group[1]))
            layers = max(layers, int(block[1])) if group[1] == "0" else layers
    return groups + 1, layers + 1


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the network's state. Only one group with one pair of blocks is built, and of that no
    data: a file can announce hundreds, which take a minute."""
    small = ModelConfig(config.channels, 1, 1, config.scale, config.dynamic, config.activation)
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in DLGSANet(small).state_dict().items()}
    return {name: shape for key, shape in shapes.items() for name in _repeated(key, config)}


def _repeated(key: str, config: ModelConfig) -> Iterator[str]:
    """A name of the network of one group and one pair, as it occurs in `config`'s."""
    group = _GROUP.fullmatch(key)
    block = _BLOCK.fullmatch(group[2]) if group else None
    if group is None:
        yield key
    elif block is None:  # the convolution behind the groups
        yield f"deep_feature_extraction.{config.groups}.{group[2]}"
    else:
        layer = int(block[1])  # 0 and 1: the pair; 2: the convolution behind the pairs
        layers = range(layer, 2 * config.blocks, 2) if layer < 2 else (2 * config.blocks,)
        yield from (f"deep_feature_extraction.{g}.body.{at}.{block[2]}" for g in range(config.groups) for at in layers)


def require_whole(state: Mapping[str, Tensor], config: ModelConfig, name: str) -> None:
    """Compare names and shapes with the configuration's. Raises InputError naming what is missing, odd or more."""
    wanted = expected_shapes(config)
    problems = []
    if missing := sorted(wanted.keys() - state.keys()):
        problems.append(f"missing {some(missing)}")
    if extra := sorted(state.keys() - wanted.keys()):
        problems.append(f"unexpected {some(extra)}")
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {shape}"
        for key, shape in wanted.items()
        if key in state and tuple(state[key].shape) != shape
    ]
    if shapes:
        problems.append(f"mis-shaped {some(shapes)}")
    if problems:
        raise InputError(f"{name} is not a complete {config.variant} x{config.scale} checkpoint: {'; '.join(problems)}")
