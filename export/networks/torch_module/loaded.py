"""What a family of modules gives to tracing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn


@dataclass(frozen=True)
class LoadedModule:
    """(1, 3, H, W) RGB in [0, 1] -> (1, 3, sH, sW), in eval mode and fp32. It takes multiples of `multiple`, and from
    `minimum` pixels on; `square`: of equal sides alone. `facts` go into the manifest, `licence` and `tiling` are what
    its makers say."""

    module: nn.Module
    facts: Mapping[str, str] = field(default_factory=dict)
    multiple: int = 1
    minimum: int = 0
    square: bool = False
    licence: str = ""
    tiling: str = ""
