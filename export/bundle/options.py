"""What a user may ask of an export."""

from __future__ import annotations

from dataclasses import dataclass, field

from export.backends.coreml.shapes import FIXED
from export.quantization.calibration_tiles import CalibrationOptions
from export.targets.row import DEFAULT_DEPLOYMENT, DEFAULT_OPSET, DEFAULT_TILE
from export.targets.table import TargetOptions

DEFAULT_MAX_DROP = 0.05
"""dB that an approximation may cost on its calibration images; the default gate of quantized precisions."""


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    `targets` are names of `export.targets.table.TARGETS` (`openvino-bf16`) or backends; none means every target whose
    packages are installed here. `tiles` are (H, W) in LR pixels. `lowering` replaces each target's default form
    of the dynamic convolution, `tune` by the one that is fastest on this machine; `activation` replaces the
    attention's activation that the checkpoint states. `basis_rank` (a rank or `auto`) compresses the filters' basis,
    which is approximate, and holds `max_drop` dB on calibration images. `calibration` says from which images, and what
    INT8 learns its ranges from; `search` chooses its layers by measuring, within `max_drop`. `force` replaces an
    existing bundle, once the new one is complete. For Core ML: `image` also writes packages that take and give 8-bit
    pictures, `deployment` is the oldest system to run them, `shapes` (of export.backends.coreml.shapes) says whether
    several tiles are several packages or functions of one.
    """

    targets: tuple[str, ...] = ()
    tiles: tuple[tuple[int, int], ...] = (DEFAULT_TILE,)
    lowering: str | None = None
    tune: bool = False
    opset: int = DEFAULT_OPSET
    activation: str | None = None
    calibration: CalibrationOptions = field(default_factory=CalibrationOptions)
    basis_rank: int | str | None = None
    max_drop: float = DEFAULT_MAX_DROP
    search: bool = False
    force: bool = False
    image: bool = False
    deployment: str = DEFAULT_DEPLOYMENT
    shapes: str = FIXED

    @property
    def of_targets(self) -> TargetOptions:
        """The part that is about targets alone."""
        return TargetOptions(self.opset, self.image, self.deployment, self.shapes)
