"""What a family of networks gives to the way from checkpoint to artifact.

A `Network` is read and nothing more: it can be refused in a moment. `prepare` makes it ready, which may take a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from export.quantization.options import MAX_DROP_DB, CalibrationOptions
from runtimes.runner.overlap import DEFAULT_TILE

if TYPE_CHECKING:
    from export.graph.graph import Graph
    from export.targets.table import Target
    from runtimes.bundle.artifact_facts import BlockTensors, Certificate, Cost, FormChoice
    from runtimes.bundle.foreign import Channels, Triple
    from runtimes.bundle.manifest import Source
    from runtimes.runner.tiling import Array, Tile

Say = Callable[[str], None]


@dataclass(frozen=True)
class NetworkOptions:
    """What may be asked of a network; a family refuses what is not for it. The fields are those of ExportOptions."""

    lowering: str | None = None
    tune: bool = False
    activation: str | None = None
    basis_rank: int | str | None = None
    max_drop: float = MAX_DROP_DB
    calibration: CalibrationOptions = field(default_factory=CalibrationOptions)
    scale: int | None = None
    top: float | None = None
    channels: Channels = "rgb"
    mean: Triple | None = None
    deviation: Triple | None = None
    tiles: tuple[Tile, ...] = (DEFAULT_TILE,)
    cache: bool = True


@dataclass(frozen=True)
class Proven:
    """A network's graph for one tile, (1, 3, H, W) -> (1, 3, sH, sW), RGB in [0, 1], with the proof that it computes
    what the reference does. `rewrites` names the exact passes in order; `reflected_along`: see BlockTensors. `whole`:
    nothing that may be otherwise next time kept the proof from being more."""

    graph: Graph
    certificate: Certificate
    lowering: str
    rewrites: tuple[str, ...]
    reflected_along: tuple[float, ...] | None = None
    whole: bool = True


class LearntFrom(Protocol):
    """Images that something was learnt from, by name with the hash of their pixels; `benchmarks`: the known ones."""

    @property
    def images(self) -> Mapping[str, str]: ...

    @property
    def benchmarks(self) -> tuple[str, ...]: ...


class PreparedNetwork(Protocol):
    """A network ready to be exported."""

    @property
    def scale(self) -> int: ...

    @property
    def source(self) -> Source:
        """What the manifest says of it."""

    @property
    def identity(self) -> str:
        """A hash of all that its graphs, their proofs and its reference's output depend on."""

    @property
    def variant(self) -> str | None:
        """What its artifacts' ids say where they are not the network itself but near it."""

    @property
    def known_layers(self) -> bool:
        """Whether the names of its convolutions say which of them INT8 costs most."""

    @property
    def learnt(self) -> tuple[LearntFrom, ...]:
        """What it was changed by."""

    @property
    def reference(self) -> Callable[[Array], Array]:
        """The untouched network: (1, 3, H, W) float32, RGB in [0, 1] -> (1, 3, sH, sW), not clamped."""

    def choose(self, target: Target) -> FormChoice:
        """Which of its forms a target gets."""

    def prove(self, target: Target, lowering: str) -> Proven:
        """Its graph for a target in this form. Raises GateError where it is not exact, BackendError where there is no
        graph of it."""

    def draft(self, target: Target, lowering: str) -> Graph:
        """The same graph without its proof, to be timed."""

    def cost(self, target: Target) -> Cost:
        """What is known of it besides its graph."""

    def blocks(self, proven: Proven, short_names: bool) -> BlockTensors | None:
        """The outputs of its blocks in a graph; None where it names none. `short_names`: see Backend."""

    def store(self, bundle: Path) -> tuple[str, ...]:
        """Write the reference below `bundle`/reference; its files, the one to open first."""


class Network(Protocol):
    """A network that was read, and found to be one."""

    @property
    def name(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines about how it was read."""

    def side_step(self, side: int) -> int:
        """The step in pixels of the grid that it works on in a tile of this side: the coarser, the cheaper a pixel."""

    def refuse(self, options: NetworkOptions, tiles: Sequence[Tile]) -> None:
        """Raise InputError for what cannot be."""

    def prepare(self, options: NetworkOptions, say: Say) -> PreparedNetwork:
        """Make it ready; `say` hears each step."""
