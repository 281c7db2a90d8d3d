"""What a record is about: an artifact of a bundle, a peer that it is held against, or the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dlgsanet.storage.typed_json import Count
from runtimes.backends.torch import ENGINE as TORCH

Role = Literal["artifact", "peer", "reference"]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What something is, apart from its name; `backend` runs it, for a peer or the reference in PyTorch `torch`."""

    role: Role
    backend: str

    @property
    def is_artifact(self) -> bool:
        """Whether it came out of a bundle, and may be advised."""
        return self.role == "artifact"

    @property
    def is_torch(self) -> bool:
        """Whether it is the same network in PyTorch, in whichever form."""
        return self.backend == TORCH.name


REFERENCE = Identity(role="reference", backend=TORCH.name)


@dataclass(frozen=True)
class Named(Identity):
    """One artifact, peer or reference by its name, and the checkpoint that it was made from."""

    artifact: str
    model: str
    model_sha256: str


@dataclass(frozen=True)
class Run(Named):
    """One that was run: `precision` as asked for, `reported_precision` and `device` as the engine says; `tile` is
    height and width. `mac_shares`: precision -> share of the multiply-adds that the engine says ran in it, empty where
    it does not tell."""

    precision: str
    tile: tuple[Count, Count]
    device: str | None = field(default=None, kw_only=True)
    reported_precision: str | None = field(default=None, kw_only=True)
    mac_shares: Mapping[str, float] = field(default_factory=dict, kw_only=True)
