"""What the exporter knows of a backend: one frozen entry each, made in the backend's own folder or package.

Entries import no converter and no torch: everything that does is a function, which imports when it is called. Nor do
they import `export.targets.table`, which holds their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.targets.row import Row

if TYPE_CHECKING:
    from export.graph.graph import Graph
    from export.quantization.calibrated_graph import Quantization, Quantizer
    from export.targets.outputs import Stamp, Written
    from export.targets.table import Target, TargetOptions
    from runtimes.bundle.manifest import Artifact


@dataclass(frozen=True)
class Order:
    """What to write: `graph` (fp32) for `target`, below `folder`, as the artifact `name`. `stamp` goes inside as
    metadata, where there is one; `quantization` says what becomes INT8, None: nothing."""

    folder: Path
    name: str
    graph: Graph
    target: Target
    stamp: Stamp | None = None
    quantization: Quantization | None = None

    @property
    def file(self) -> str:
        """The name of a file that people take out of the bundle."""
        return self.name if self.stamp is None else self.stamp.file

    @property
    def facts(self) -> dict[str, str]:
        """What the stamp says in flat texts."""
        return {} if self.stamp is None else self.stamp.facts


@dataclass(frozen=True)
class Finished:
    """All artifacts of one backend in a bundle, as they are written; `model` is the checkpoint's name."""

    bundle: Path
    model: str
    artifacts: tuple[Artifact, ...]
    options: TargetOptions
    say: Callable[[str], None]


def _one(row: Row, tile: tuple[int, int], options: TargetOptions) -> tuple[Target, ...]:
    from export.targets.table import plain_target

    return (plain_target(row, tile, options),)


def with_picture_form(row: Row, tile: tuple[int, int], options: TargetOptions) -> tuple[Target, ...]:
    """For `Backend.expand`: with --image also a file that takes and gives 8-bit pictures."""
    made = _one(row, tile, options)
    return (*made, *(replace(target, image=True) for target in made)) if options.image else made


def _as_they_are(finished: Finished) -> tuple[Artifact, ...]:
    return finished.artifacts


def _nothing(options: TargetOptions, targets: Sequence[Target]) -> None:
    return None


def _any_graph(graph: Graph) -> None:
    return None


def _no_quantizer() -> Quantizer | None:
    return None


@dataclass(frozen=True)
class Backend:
    """One backend. Only `name`, `rows` and `write` are always there; the rest says what is special about it."""

    name: str

    rows: tuple[Row, ...]
    """Its lines in the table of targets."""

    write: Callable[[Order], Written]
    """Writes the files of one target. Raises BackendError when a converter fails."""

    aliases: tuple[str, ...] = ()
    """What people call it besides: `--to` takes these names, too."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """Precision -> why there is no such row, and what to take in its place."""

    tools: tuple[str, ...] = ()
    """Installed packages (as pip calls them) that its files depend on: the manifest tells their versions."""

    expand: Callable[[Row, tuple[int, int], TargetOptions], tuple[Target, ...]] = _one
    """The targets that a row means at a tile (H, W)."""

    refuse: Callable[[TargetOptions, Sequence[Target]], None] = _nothing
    """Raises InputError for options that cannot be, given all targets of an export, of whatever backend."""

    refuse_graph: Callable[[Graph], None] = _any_graph
    """Raises InputError, naming operator and node, for a network's graph that it has no form for. What takes long comes
    after."""

    after: Callable[[Finished], tuple[Artifact, ...]] = _as_they_are
    """What is done when all its artifacts are written; gives them as the manifest is to have them, in order."""

    quantizer: Callable[[], Quantizer | None] = _no_quantizer
    """What learns the ranges of its INT8 rows; None: it has no such rows."""

    not_timed: str = ""
    """Why `--tune` and `--search` cannot time its files on this machine; empty where they can."""

    stand_in: str = ""
    """Backend that runs calibrated graphs here in the place of one that cannot, so that a choice of INT8 layers is held
    against the drawn tiles; empty: nothing does."""

    short_names: bool = False
    """Its files call the blocks' outputs by short names (`export.graph.block_tensors`), not by those of the graph."""
