"""How a network that is not DLGSANet takes and gives pictures: what `check` must know to run its untouched file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dlgsanet.storage.typed_json import LEFT_OUT, Count, Text
from runtimes.bundle.field_types import Tile

Channels = Literal["rgb", "bgr"]
Layout = Literal["NCHW", "NHWC"]
Dtype = Literal["float32", "float16"]
Output = Literal["picture", "normalized"]
Triple = tuple[float, float, float]
ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Pixels:
    """Of a picture in RGB, [0, 1] and NCHW a network gets `(channels * top - mean) / deviation` in its own layout, and
    what it gives, over `top`, is the picture; `top` is 1 or 255, mean and deviation are in the network's channel order
    and in units of `top`. Where its `output` is normalized, the picture is `(given * deviation + mean) / top`."""

    channels: Channels = "rgb"
    top: float = 1.0
    layout: Layout = "NCHW"
    mean: Triple = ZERO
    deviation: Triple = ONE
    output: Output = field(default="picture", metadata=LEFT_OUT)

    @property
    def said(self) -> str:
        """In words."""
        plain = f"{self.layout}, {self.channels.upper()}, 0 to {self.top:g}"
        if (self.mean, self.deviation) == (ZERO, ONE):
            return plain
        mean, deviation = (" ".join(f"{it:g}" for it in values) for values in (self.mean, self.deviation))
        also = ", the output too" if self.output == "normalized" else ""
        return f"{plain}, less the mean {mean} over the deviation {deviation}{also}"


@dataclass(frozen=True)
class Foreign:
    """A network of another family. `input` and `output` are names in its file, whose operators need the numbers of type
    `dtype`. Its sides are multiples of `multiple` LR pixels, or `fixed`: the one size that it takes. `licence` and
    `tiling` are what its makers say, where they do."""

    family: Text
    input: Text
    output: Text
    dtype: Dtype
    pixels: Pixels
    multiple: Count = 1
    fixed: Tile | None = field(default=None, metadata=LEFT_OUT)
    licence: str = field(default="", metadata=LEFT_OUT)
    tiling: str = field(default="", metadata=LEFT_OUT)

    def takes(self, tile: tuple[int, int]) -> bool:
        """Whether the network has a form for pictures of this size."""
        return tile == self.fixed if self.fixed else not any(side % self.multiple for side in tile)

    def fitting(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """The smallest size that it takes and into which a picture of this one fits; None where there is none."""
        if self.fixed:
            return self.fixed if size[0] <= self.fixed[0] and size[1] <= self.fixed[1] else None
        height, width = (-(-side // self.multiple) * self.multiple for side in size)
        return height, width

    @property
    def sizes(self) -> str:
        """The sizes that it takes, in words."""
        return (
            f"{self.fixed[0]}x{self.fixed[1]} alone" if self.fixed else f"sides that are multiples of {self.multiple}"
        )
