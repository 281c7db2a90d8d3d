"""Will a tile fit? An estimate of what proving it takes, against what the machine has free."""

from __future__ import annotations

from dlgsanet.errors import InputError
from dlgsanet.network.config import KERNEL, ModelConfig
from export.targets.row import UNFOLD
from runtimes.machine.memory import available_bytes

FLOAT64 = 8
GIB = 1 << 30
FIXED = 256 << 20  # what does not grow with the tile: the weights, the graph, the converters


def export_bytes(config: ModelConfig, tile: tuple[int, int], lowering: str | None = None) -> int:
    """Upper estimate of the memory that exporting a tile takes, in bytes; the float64 certificate dominates.

    Counted in maps of one tile: the widest moment is the dynamic convolution (every lowering keeps at most
    the filters, 49 C/6 maps, or the steered answers and their products, 2 C C/4 maps; `unfold` alone also all
    49 C neighbours and their products) beside some copies of the features and the upsampled picture. A slow
    test holds it against the measured peak.
    """
    c = config.channels
    filters = config.filter_groups * KERNEL * KERNEL
    steered = 2 * c * config.hyper_channels
    neighbours = 2 * KERNEL * KERNEL * c if lowering == UNFOLD else 0
    dynamic = max(filters, steered, neighbours) if config.dynamic else c
    features = 24 * c + 6 * 3 * config.scale**2
    return FIXED + FLOAT64 * tile[0] * tile[1] * (dynamic + features)


def require_memory(config: ModelConfig, tile: tuple[int, int], lowering: str | None = None) -> None:
    """Raise InputError when the estimate for a tile exceeds what is available, with both numbers."""
    needed, available = export_bytes(config, tile, lowering), available_bytes()
    if available is not None and needed > available:
        raise InputError(
            f"a tile of {tile[0]}x{tile[1]} needs about {needed / GIB:.1f} GiB of memory to be exported and "
            f"proven, {available / GIB:.1f} GiB are free: give a smaller --tile"
        )
