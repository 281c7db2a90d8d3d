"""A line of the table of targets: what a backend needs and makes in one precision.

Backends state their rows in an entry of their own (`export.backends.backend`); `export.targets.table` holds them all.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

BASIS, BASIS_FUSED, BASIS_GROUPED = "basis", "basis-fused", "basis-grouped"
SHIFT, BY_ROWS, CHANNELS_LAST = "shift", "rows", "channels-last"
UNFOLD = "unfold"  # the naive form, for comparison
LOWERINGS = (BASIS, BASIS_FUSED, BASIS_GROUPED, SHIFT, BY_ROWS, CHANNELS_LAST, UNFOLD)
"""Forms of the dynamic convolution, see export.rewriting.lowerings."""

OPSETS = (18, 19, 20, 21)  # ONNX operator sets that export.graph.build writes
DEFAULT_OPSET = 18
DEPLOYMENTS = ("iOS16", "iOS17", "iOS18", "iOS26")  # oldest systems: iOS17 is also macOS14, and so on
DEFAULT_DEPLOYMENT = "iOS17"


def since(deployment: str, first: str) -> bool:
    """Whether a system has what `first` brought; both of DEPLOYMENTS."""
    return DEPLOYMENTS.index(deployment) >= DEPLOYMENTS.index(first)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `packages` are imported by the exporter, `extra` brings those that `[export]` lacks, as pip writes it; `hints` are
    settings that a runner must pin in the engine; `lowering` is the default form of the dynamic convolution;
    `half_safe` chooses the rewriting that keeps every intermediate value within fp16, and `without` names passes
    that are left out since they make this row's graphs slower (docs/studies/lowerings.md) or have no form there; with
    `fp32_ends` the first and the last convolution compute in fp32 (export/quantization/layers.py). `elsewhere`: it is
    for other machines and slow to judge here, so that it is no default; `on_request`: it is exported only when it is
    named, not with its backend. `newest_opset`: the last operator set that may be asked for, `own_opset`: the one that
    its graph has whatever was asked for; `deployments`: the systems that it runs on, oldest first; `channels_last`: its
    files take and give pictures so.
    """

    backend: str
    precision: str
    extra: str
    packages: tuple[str, ...]
    hints: tuple[tuple[str, str], ...]
    lowering: str
    files: str
    note: str
    half_safe: bool = False
    without: tuple[str, ...] = ()
    fp32_ends: bool = False
    elsewhere: bool = False
    on_request: bool = False
    newest_opset: int = OPSETS[-1]
    own_opset: int | None = None
    deployments: tuple[str, ...] = DEPLOYMENTS
    channels_last: bool = False

    @property
    def name(self) -> str:
        """`<backend>-<precision>`, what `--to` accepts."""
        return f"{self.backend}-{self.precision}"

    @property
    def extras(self) -> str:
        """The extras that exporting takes, as pip writes them: `export,openvino`."""
        return ",".join(dict.fromkeys(("export", self.extra)))

    @property
    def calibrated(self) -> bool:
        """Whether ranges are learnt from pictures: such a row is exported only when it is asked for."""
        return self.precision in ("int8", "int8-mixed")

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that this Python lacks."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)
