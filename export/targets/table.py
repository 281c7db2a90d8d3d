"""The one table of what can be exported: backend x precision x what it needs, of every backend that there is.

The command's choices, `dlgsanet formats`, the README's table and the tests all come from `TARGETS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dlgsanet.errors import InputError, unknown
from export.targets.discovery import discover
from export.targets.row import DEFAULT_DEPLOYMENT, DEFAULT_OPSET, DEPLOYMENTS, OPSETS, Row
from runtimes.runner.overlap import DEFAULT_TILE

TARGETS: tuple[Row, ...] = tuple(row for entry in discover().entries.values() for row in entry.rows)

REFUSED = {
    (entry.name, precision): reason
    for entry in discover().entries.values()
    for precision, reason in entry.refused.items()
}
"""(backend, precision) -> why there is no such target."""

BROKEN = discover().broken
"""Backend of others -> why it cannot be used."""


@dataclass(frozen=True)
class Target:
    """What to export for: one row of the table, a fixed tile (H, W) in LR pixels and an ONNX operator set.

    For TensorRT-RTX: `sm`, the compute capability to compile for. For Core ML: `image` takes and gives 8-bit
    pictures in place of arrays, `deployment` is the oldest system.

    Raises InputError when it cannot be: an unknown backend or precision, a pair that does not go together
    (with the reason), a tile that is not positive, an operator set that is not written.
    """

    backend: str
    precision: str
    tile: tuple[int, int] = DEFAULT_TILE
    opset: int = DEFAULT_OPSET
    image: bool = False
    deployment: str = DEFAULT_DEPLOYMENT
    sm: str | None = None

    def __post_init__(self) -> None:
        row_of(self.backend, self.precision)
        if len(self.tile) != 2 or min(self.tile) < 1:
            found = "x".join(str(side) for side in self.tile)
            raise InputError(f"expected a tile of at least 1x1 LR pixels, found {found}: give --tile 128 or 128x96")
        if self.opset not in OPSETS:
            raise InputError(
                f"expected an ONNX operator set from {OPSETS[0]} to {OPSETS[-1]}, found {self.opset}: choose one"
            )
        if self.opset > self.row.newest_opset:
            raise InputError(
                f"expected an ONNX operator set up to {self.row.newest_opset} for {self.backend}, found {self.opset}: "
                f"give {DEFAULT_OPSET} or {self.row.newest_opset}"
            )
        if self.deployment not in DEPLOYMENTS:
            raise unknown("deployment target", self.deployment, DEPLOYMENTS)
        if self.deployment not in self.row.deployments:
            oldest = self.row.deployments[0]
            raise InputError(f"{self.row.name} needs operators that {oldest} brought: give --deployment {oldest}")

    @property
    def row(self) -> Row:
        """The line of the table that this target stands on."""
        return row_of(self.backend, self.precision)

    @property
    def variant(self) -> str | None:
        """What the artifact's id says beside backend and precision."""
        return "image" if self.image else self.sm

    @property
    def graph_opset(self) -> int:
        """The operator set of the ONNX graph that this target is made from."""
        return self.row.own_opset or self.opset

    def graph_key(self, lowering: str) -> tuple[object, ...]:
        """Targets of one key are made from one and the same graph."""
        return self.tile, lowering, self.graph_opset, self.row.half_safe, self.row.without


@dataclass(frozen=True)
class TargetOptions:
    """What is asked of all targets alike, as `export.bundle.options.ExportOptions` has it; backends take their part."""

    opset: int = DEFAULT_OPSET
    image: bool = False
    deployment: str = DEFAULT_DEPLOYMENT
    shapes: str = ""


def plain_target(row: Row, tile: tuple[int, int], options: TargetOptions) -> Target:
    """A row at a tile, as it is."""
    return Target(row.backend, row.precision, tile, options.opset, deployment=options.deployment)


def row_of(backend: str, precision: str) -> Row:
    """The row of a pair; InputError with the reason, or with the nearest name, when there is none."""
    for row in TARGETS:
        if (row.backend, row.precision) == (backend, precision):
            return row
    if (backend, precision) in REFUSED:
        raise InputError(f"cannot export {backend}-{precision}: {REFUSED[backend, precision]}")
    if backend in BROKEN:
        raise InputError(f"cannot export {'-'.join(filter(None, (backend, precision)))}: {BROKEN[backend]}")
    if backend not in backends():
        raise unknown("backend", backend, backends())
    if precision not in precisions():
        raise unknown("precision", precision, precisions())
    known = ", ".join(row.precision for row in TARGETS if row.backend == backend)
    raise InputError(f"{backend} has no {precision} form here; it has {known}")


def backends() -> tuple[str, ...]:
    """Backends of the table, in its order."""
    return tuple(dict.fromkeys(row.backend for row in TARGETS))


def precisions() -> tuple[str, ...]:
    """Precisions of the table, in its order."""
    return tuple(dict.fromkeys(row.precision for row in TARGETS))
