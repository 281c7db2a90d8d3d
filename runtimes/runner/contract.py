"""`Runner`, what every backend looks like from outside, with the checks that no backend may skip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import numpy as np

from dlgsanet.errors import BackendError, ExitCode, InputError, UnavailableError
from dlgsanet.imaging.pixels import Pixels
from runtimes.bundle.field_types import Fill
from runtimes.machine.ahead import ahead
from runtimes.machine.processor import overflows_int8, require_threads
from runtimes.runner.joined_frames import ChangedRows, upscale_each
from runtimes.runner.overlap import DEFAULT_FILL, DEFAULT_OVERLAP
from runtimes.runner.tiling import (
    Array,
    Stream,
    Tile,
    nearest_tile,
    require_image,
    stream_rows,
    upscale_stream,
)

VARIES = 0.02
"""An input whose values span this much cannot give a constant output; below it, bf16 may round it to one value."""

NOT_TOLD = "not told"
"""Reported precision of what runs where nobody can ask: behind a server, whose numbers alone can be judged."""

_NEEDED = {"int8-mixed": ("int8", "bf16"), "int8w": ("fp32",)}
"""What a device must have for a precision that is none of its own."""

RunnerT = TypeVar("RunnerT", bound="Runner")


class OutputError(BackendError):
    """The engine returned something that no working engine returns: not finite, constant, or of a wrong
    shape. Whether its file or the engine is at fault cannot be told; as in `check`, it is a gate that fails."""

    exit_code = ExitCode.GATE


class UnfitError(InputError):
    """A whole and unchanged file that is not run here, since its engine would refuse it or get it wrong."""


@dataclass(frozen=True)
class RunOptions:
    """Where to run: `device` as the backend knows it (CPU, GPU, NPU, an execution provider), `threads` of
    the CPU (None: all cores that this process may use). `cuda_graph`: launch an engine's kernels as one graph. `taps`:
    tensors inside the network that `inspect` gives, too; what is compiled then is a twin of the artifact, with more
    outputs. `resting`: threads that wait for work sleep at once, which costs less CPU time: for runs that nobody
    times. `streams`: tiles that a CPU engine may run at once, each on its share of the threads; more of them come in
    a second, and each one later. `cache`: what an engine compiled here is kept and taken again."""

    device: str = "CPU"
    threads: int | None = None
    cuda_graph: bool = False
    taps: tuple[str, ...] = ()
    resting: bool = False
    streams: int = 1
    cache: bool = False

    def __post_init__(self) -> None:
        require_threads(self.threads)


@dataclass(frozen=True)
class RunInfo:
    """What really runs, as the engine reports it after loading, beside what was asked for.

    Precisions are named as in artifact ids (fp32, bf16...); `requested_precision` is what the artifact pins.
    """

    artifact: str
    backend: str
    device: str
    requested_precision: str
    reported_precision: str
    threads: int
    versions: Mapping[str, str]
    device_precisions: tuple[str, ...] = ()
    """What the device says it computes in natively; empty where the engine does not tell."""
    int8_in_pairs: bool = False  # see `spoilt_int8`

    @property
    def lacking(self) -> str | None:
        """One line when the device itself says that it has not the pinned precision and another one ran, else
        None: then the artifact could not be measured here, which is no fault of the artifact."""
        missing = self.lacks(self.requested_precision)
        if self.precision_mismatch is None or missing is None:
            return None
        return f"{missing}; {self.backend} took {self.reported_precision} instead"

    def lacks(self, precision: str) -> str | None:
        """One line where the device itself says that it has not what this precision needs, else None."""
        needed = _NEEDED.get(precision, (precision,))
        if not self.device_precisions or all(it in self.device_precisions for it in needed):
            return None
        return f"{self.device} has no {precision} on this machine (it has {', '.join(self.device_precisions)})"

    @property
    def caution(self) -> str:
        """One line where the processor itself spoils what the artifact computes, else empty."""
        return spoilt_int8(self.reported_precision, self.device, self.int8_in_pairs)

    @property
    def precision_mismatch(self) -> str | None:
        """One line when the engine runs another precision than the artifact pins, else None; for `check`."""
        if self.reported_precision in (self.requested_precision, NOT_TOLD):
            return None
        return (
            f"{self.artifact}: {self.requested_precision} was requested, {self.backend} on {self.device} reports "
            f"{self.reported_precision}"
        )


def spoilt_int8(precision: str, device: str, in_pairs: bool) -> str:
    """One line where this is INT8 on a processor that spoils it, else empty; `in_pairs`: see `Engine.int8_in_pairs`."""
    spoilt = in_pairs and precision in ("int8", "int8-mixed") and device.startswith("CPU") and overflows_int8()
    return "this processor has no VNNI, without which sums of INT8 products overflow in this engine" if spoilt else ""


@dataclass(frozen=True)
class Compiling:
    """What a compiler took, in ms: when the runner was opened, and when its cache did not have it yet."""

    now_ms: float
    first_ms: float


class Runner(ABC):
    """One artifact on one device: `with runner as run: sr = run(lr)`.

    The device is taken when the `with` block is entered, not on construction, and given back at its end.
    Subclasses implement `_open`, `_infer` and `_close`; everything that must hold for all backends is
    checked here.
    """

    def __init__(self, scale: int, tiles: Sequence[Tile], pixel_costs: Mapping[Tile, float] | None = None) -> None:
        self.scale = scale
        self.tiles = tuple(tiles)
        """The (H, W) in LR pixels that `infer` takes; empty: any."""
        self.pixel_costs = pixel_costs or {}
        """What a pixel takes in each tile, where that is known."""
        self._info: RunInfo | None = None

    @property
    def tile(self) -> tuple[int, int] | None:
        """The tile, or the largest of several; None where any size is taken."""
        return max(self.tiles, key=lambda tile: tile[0] * tile[1], default=None)

    @property
    def info(self) -> RunInfo:
        """What really runs. Raises InputError outside the `with` block: before it, nothing runs yet."""
        return self._require_open()

    def __enter__(self: RunnerT) -> RunnerT:
        if self._info is not None:
            raise InputError("this runner is already open: expected one `with` block at a time")
        try:
            self._info = self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._info = None
        self._close()

    def infer(self, tile: Array, *, checked: bool = True) -> Array:
        """Upscale one tile: 1 x 3 x H x W float32 in [0, 1], H x W one of `tiles` -> 1 x 3 x sH x sW float32.

        The output is as the network gives it, unclamped. Raises InputError for an input that is not that,
        OutputError for an output that is not finite, constant for an input that is not, or of a wrong shape.
        `checked=False` runs the engine only: for timing, after a checked run of the same input.
        """
        self._require_open()
        if not checked:
            return self._infer(tile)
        self._require_tile(tile)
        sr = self._infer(tile)
        self._require_output(tile, sr)
        return sr

    def __call__(self, lr: Array, overlap: int = DEFAULT_OVERLAP, fill: Fill = DEFAULT_FILL) -> Array:
        """Upscale N x 3 x H x W float32 in [0, 1], any N and size, in tiles; `overlap` in LR pixels.

        Returns N x 3 x scale*H x scale*W float32, unclamped. Raises as `infer` does.
        """
        self._require_open()
        require_image(lr)
        tile = self.tile_for((lr.shape[2], lr.shape[3]), overlap)
        return upscale_stream(self._checked_each, lr, self.scale, tile, overlap, fill)

    def rows(
        self,
        lr: Pixels,
        overlap: int = DEFAULT_OVERLAP,
        on_tile: Callable[[], None] | None = None,
        through: Callable[[Stream], Stream] = lambda run: run,
    ) -> Iterator[tuple[int, Array]]:
        """Like calling, for one image, but yields `(y0, strip)` of finished HR rows: memory of one row of
        tiles. `lr` may also be the samples of a file, uint8 or uint16, which become floats tile by tile. `on_tile` is
        called after every tile. `through` puts something between tiler and engine, such as `TileMemory.stream`."""
        self._require_open()
        if lr.dtype not in (np.uint8, np.uint16):
            require_image(lr)

        def stream(tiles: Iterator[Array]) -> Iterator[Array]:
            for sr in through(self._checked_each)(tiles):
                if on_tile is not None:
                    on_tile()
                yield sr

        return stream_rows(stream, lr, self.scale, self.tile_for((lr.shape[2], lr.shape[3]), overlap), overlap)

    def each(
        self,
        pictures: Iterable[Array],
        tile: Tile,
        overlap: int = DEFAULT_OVERLAP,
        through: Callable[[Stream], Stream] = lambda run: run,
        band: int = 1,
    ) -> Iterator[ChangedRows]:
        """Upscale pictures of one size, 1 x 3 x H x W, as they come, in one of `tiles`: the engine never waits for the
        end of one. `pictures` may be read in another thread; `through` as in `rows`, `band` as in `upscale_each`."""
        self._require_open()
        return upscale_each(through(self._checked_each), pictures, self.scale, tile, overlap, band)

    def device_ms(self) -> Mapping[str, float]:
        """What the device's own clock says of the last runs, medians in ms by part (upload, compute, download); empty
        where it has none."""
        return {}

    def compiling(self) -> Compiling | None:
        """What a compiler took when this was opened; None where none ran."""
        return None

    def tile_for(self, image_hw: tuple[int, int], overlap: int = DEFAULT_OVERLAP) -> tuple[int, int]:
        """The tile (H, W) used for this image: in which it costs least, or the whole image where any size is taken."""
        return nearest_tile(self.tiles, image_hw, overlap, self.pixel_costs) if self.tiles else image_hw

    def inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        """As `infer`, with the values of `RunOptions.taps` by name, float32.

        Raises UnavailableError for a backend that shows nothing of its inside, and as `infer` does.
        """
        self._require_open()
        self._require_tile(tile)
        sr, inside = self._inspect(tile)
        self._require_output(tile, sr)
        return sr, inside

    def _inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        raise UnavailableError(f"{self.info.artifact}: {self.info.device} shows nothing of the inside of its network")

    def macs(self) -> dict[str, int]:
        """Multiply-adds of one tile by the precision in which the engine runs them; empty where it does not tell.

        It may run the network once more and look into files: to be asked outside of anything timed.
        """
        return {}

    @abstractmethod
    def _open(self) -> RunInfo:
        """Load the artifact onto the device and say what really runs."""

    @abstractmethod
    def _infer(self, tile: Array) -> Array:
        """Run the engine once on a checked tile."""

    def _infer_each(self, tiles: Iterator[Array]) -> Iterator[Array]:
        """Run the engine on checked tiles, in order, in a thread of its own: it has the next tile while the last one's
        answer is used. Backends whose engine takes several requests override it."""
        with ahead(lambda: map(self._infer, tiles), depth=1) as answers:
            yield from answers

    @abstractmethod
    def _close(self) -> None:
        """Give the device back; also called after a failed `_open`."""

    def _checked_each(self, tiles: Iterator[Array]) -> Iterator[Array]:
        """`infer` for many tiles: what goes in and what comes out is checked."""
        given: deque[Array] = deque()

        def checked() -> Iterator[Array]:
            for tile in tiles:
                self._require_tile(tile)
                given.append(tile)
                yield tile

        for sr in self._infer_each(checked()):
            self._require_output(given.popleft(), sr)
            yield sr

    def _require_open(self) -> RunInfo:
        if self._info is None:
            raise InputError("this runner has no device yet: use it inside `with open_runner(...) as run:`")
        return self._info

    def _require_tile(self, tile: Array) -> None:
        require_image(tile)
        if tile.shape[0] != 1 or (self.tiles and tile.shape[2:] not in self.tiles):
            known = " or ".join(f"{height}x{width}" for height, width in self.tiles) or "any size"
            raise InputError(
                f"expected one tile of {known}, found shape {tile.shape}; call the runner for whole images"
            )

    def _require_output(self, tile: Array, sr: Array) -> None:
        expected = (1, 3, tile.shape[2] * self.scale, tile.shape[3] * self.scale)
        name = self.info.artifact
        if sr.shape != expected or sr.dtype != np.float32:
            raise OutputError(f"{name}: expected float32 of shape {expected}, found {sr.dtype} of shape {sr.shape}")
        low, high = float(sr.min()), float(sr.max())  # NaN wins in both, so two passes see everything
        if not np.isfinite(low) or not np.isfinite(high):
            raise OutputError(f"{name}: the output holds NaN or infinity; the engine's precision overflows")
        if low == high and float(tile.max()) - float(tile.min()) > VARIES:
            raise OutputError(f"{name}: the output is {low:g} everywhere though the input is not constant")
