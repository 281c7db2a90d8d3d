"""What a DLGSANet is made of, as one frozen object. Facts: arXiv 2301.02031 and the authors' checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dlgsanet.errors import InputError, unknown

CHANNELS_PER_GROUP = 6  # channels that share one dynamic filter (the official option `idynamic_num_heads: 6`)
HEADS = 6  # heads of the sparse channel attention
KERNEL = 7  # side of the dynamic filters
GDFN_EXPANSION = 2  # hidden channels per half of the gated feed-forward network, in multiples of C
RGB_MEAN = (0.4488, 0.4371, 0.4040)  # DIV2K's mean colour, range [0, 1]

SCALES = (2, 3, 4)
ACTIVATIONS = ("relu", "softmax", "gelu", "sigmoid", "identity")
_TLC_SIZE = {2: 96, 3: 72, 4: 48}
_SOFTMAX_TLC_SIZE = 48  # with softmax the official code ignores the configured size


@dataclass(frozen=True)
class ModelConfig:
    """Hyperparameters of one network.

    `channels` C, `groups` G and `blocks` B per group are the sizes; `dynamic=False` replaces the dynamic
    filters by a plain 7x7 depthwise convolution and `activation` replaces the ReLU on the attention map
    (both are the paper's ablation switches). Raises InputError for what cannot be built.
    """

    channels: int
    groups: int
    blocks: int
    scale: int
    dynamic: bool = True
    activation: str = "relu"

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise InputError(f"expected a scale of 2, 3 or 4, found {self.scale}: choose one of these")
        if self.activation not in ACTIVATIONS:
            raise unknown("attention activation", self.activation, ACTIVATIONS)
        if self.channels < 12 or self.channels % CHANNELS_PER_GROUP or self.groups < 1 or self.blocks < 1:
            raise InputError(
                "expected channels >= 12 in steps of 6 and at least one group and block, "
                f"found C={self.channels} G={self.groups} B={self.blocks}: correct the configuration"
            )

    @property
    def tlc_size(self) -> int:
        """Side k of the attention windows at inference, in LR pixels (TLC: test-time local converter)."""
        return _SOFTMAX_TLC_SIZE if self.activation == "softmax" else _TLC_SIZE[self.scale]

    @property
    def filter_groups(self) -> int:
        """Number of distinct dynamic filters per pixel."""
        return self.channels // CHANNELS_PER_GROUP

    @property
    def hyper_channels(self) -> int:
        """Channels inside the network that makes the filters."""
        return self.channels // 4

    @property
    def variant(self) -> str:
        """`tiny`, `light`, `full`, `nano`, or the sizes spelt out (`c24g2b1`) when no name fits."""
        sizes = (self.channels, self.groups, self.blocks)
        for name, known in VARIANTS.items():
            if sizes == known:
                return name
        return f"c{self.channels}g{self.groups}b{self.blocks}"

    def with_activation(self, activation: str) -> ModelConfig:
        """The same network with another activation on the attention map."""
        return replace(self, activation=activation)


# Channels, groups, blocks. `nano` is ours, for real-time use; the others are the paper's.
VARIANTS = {"nano": (24, 2, 2), "tiny": (48, 3, 3), "light": (48, 4, 3), "full": (90, 6, 4)}


def named_config(variant: str, scale: int) -> ModelConfig:
    """Configuration of a published variant (or `nano`) at a scale; InputError for an unknown name."""
    if variant not in VARIANTS:
        raise unknown("variant", variant, VARIANTS)
    channels, groups, blocks = VARIANTS[variant]
    return ModelConfig(channels, groups, blocks, scale)
