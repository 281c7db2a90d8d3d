"""How the tile of an artifact was chosen for frames of a given size, and what a pixel takes in it, as its `choice` in
the manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from dlgsanet.storage.typed_json import Count, Text, Whole, between
from runtimes.bundle.field_types import Tile

Times = Annotated[float, between(1e-3, 1e3)]


@dataclass(frozen=True)
class FramePlan:
    """A frame (H, W) in tiles that share at least `overlap` pixels: `computed` pixels for each of its own, in `cost`
    times the time that so many pixels as the frame has take in the yardstick's tile; None where nothing was timed."""

    frame: Tile
    overlap: Whole
    tiles: Count
    computed: Times
    cost: Times | None

    @property
    def shown(self) -> str:
        """In words, for a person."""
        cost = "not timed" if self.cost is None else f"{self.cost:.2f} times their time in the yardstick"
        return (
            f"{self.frame[1]}x{self.frame[0]}: {self.tiles} tile{'s' if self.tiles > 1 else ''}, "
            f"{self.computed:.2f} times the frame's pixels, {cost}"
        )


@dataclass(frozen=True)
class TileChoice:
    """The frames that the tile was chosen for; none where it was given. `pixel_costs`: "HxW" -> time of a pixel in that
    tile against one in the tile `yardstick`, in the same rounds on `machine`; none where nothing was timed, for that
    `reason`."""

    frames: tuple[FramePlan, ...]
    yardstick: Text
    pixel_costs: Mapping[str, Times]
    machine: Mapping[str, object]
    reason: str = ""
