"""The reference as a runner. It wraps a callable that it is given, so that this package needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dlgsanet.errors import BackendError, InputError
from runtimes.backends.torch import ENGINE
from runtimes.machine.processor import available_threads
from runtimes.runner.contract import RunInfo, Runner
from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tiling import Array


class TorchRunner(Runner):
    """Runs `function`: 1 x 3 x H x W float32 in [0, 1] -> 1 x 3 x scale*H x scale*W float32, NumPy on both
    sides.

    With `tile` None whole images go to the function at once; with a tile they go through the same tiler as
    the artifacts, which is what artifacts are compared with. The caller has set the device, the threads and
    the precision of the function; `device`, `threads` and `precision` say which. `largest` (H, W) bounds
    the memory without a tile: larger images are cut, smaller ones are not padded.
    """

    def __init__(
        self,
        function: Callable[[Array], Array],
        scale: int,
        tile: tuple[int, int] | None,
        name: str,
        *,
        device: str = "CPU",
        precision: str = "fp32",
        threads: int | None = None,
        versions: Mapping[str, str] | None = None,
        largest: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(scale, () if tile is None else (tile,))
        self._largest = largest
        self._function = function
        self._described = RunInfo(
            artifact=name,
            backend=ENGINE.name,
            device=device,
            requested_precision=precision,
            reported_precision=precision,
            threads=threads or available_threads(),
            versions={} if versions is None else dict(versions),
        )

    def tile_for(self, image_hw: tuple[int, int], overlap: int = DEFAULT_OVERLAP) -> tuple[int, int]:
        """As in the base; without a tile the image itself, cut to `largest`."""
        if self.tiles or self._largest is None:
            return super().tile_for(image_hw, overlap)
        return min(image_hw[0], self._largest[0]), min(image_hw[1], self._largest[1])

    def _open(self) -> RunInfo:
        return self._described

    def _infer(self, tile: Array) -> Array:
        try:
            sr = self._function(tile)
        except RuntimeError as error:
            raise BackendError(f"{self._described.artifact}: torch failed: {error}") from error
        if not isinstance(sr, np.ndarray):
            raise InputError(f"{self._described.artifact}: expected a NumPy array, found {type(sr).__name__}")
        return sr

    def _close(self) -> None:
        """The callable belongs to the caller: there is nothing to give back."""
