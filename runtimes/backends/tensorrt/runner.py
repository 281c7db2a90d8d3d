"""TensorRT and TensorRT-RTX engines on the GPU, without pycuda: own streams, pinned buffers, two tiles on their way.

A tile's slot has its own stream, so that its copy to the GPU goes on while the tile before it computes; computing
itself is ordered by events, since one execution context runs one tile at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from dlgsanet.errors import BackendError, InputError, UnavailableError
from dlgsanet.storage.shelf import KeptEntries
from runtimes.backends.tensorrt import LIBRARIES, TENSORRT_RTX
from runtimes.backends.tensorrt.compiling.kept_kernels import KeptKernels
from runtimes.backends.tensorrt.cuda.interface import Cuda, DeviceBuffer, Event, Gpu, HostBuffer, Stream
from runtimes.backends.tensorrt.cuda.open_cuda import NO_GPU, open_cuda
from runtimes.backends.tensorrt.engine_record import (
    EngineRecord,
    engine_path,
    read_engine,
    read_record,
    require_fitting,
    shipped_record,
)
from runtimes.backends.tensorrt.layers import KernelTable, parse_inspector, summary
from runtimes.backends.tensorrt.library_log import LibraryLog, make_logger
from runtimes.bundle.integrity import verify
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.ports import require_host_ports, require_port
from runtimes.runner.tiling import Array

AHEAD = 2  # tiles on their way at once
KEPT_TIMES = 200


@dataclass(frozen=True)
class Slot:
    """Buffers, stream and events of one tile on its way; `launch` puts its kernels on the stream."""

    lr: HostBuffer
    sr: HostBuffer
    lr_device: DeviceBuffer
    sr_device: DeviceBuffer
    stream: Stream
    began: Event
    uploaded: Event
    started: Event
    computed: Event
    ended: Event
    launch: Callable[[], None]


class TensorRTRunner(Runner):
    """An engine: from the manifest (tensorrt-rtx), or the one that `dlgsanet build` made for this GPU (tensorrt).

    `cuda` opens the GPU. Everything that can be wrong with an engine is said before it is deserialised.
    """

    def __init__(
        self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions, cuda: Callable[[], Cuda] = open_cuda
    ) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle = bundle
        self._artifact = artifact
        self._options = options
        self._open_cuda = cuda
        self._cuda: Cuda | None = None
        self._journal = LibraryLog()
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._keep: Callable[[], None] = lambda: None
        self._free: list[Slot] = []
        self._last: Event | None = None  # event: the last tile has computed
        self._times: dict[str, deque[float]] = {}
        self._table: KernelTable | None = None

    def _open(self) -> RunInfo:
        artifact = self._artifact
        require_host_ports(artifact, hints=())
        self._cuda = self._open_gpu()
        gpu = self._cuda.gpu()
        engine, record = self._record(gpu)
        if record.library not in LIBRARIES:
            raise InputError(f"{artifact.id}: the engine was built by '{record.library}', which is not known here")
        built_by = LIBRARIES[record.library]
        trt = built_by.load()
        require_fitting(record, artifact, str(trt.__version__), gpu.sm, bundled=artifact.backend == TENSORRT_RTX.name)
        kept = KeptKernels(record.engine_sha256, record.version, gpu.name, KeptEntries(self._options.cache))
        self._load(trt, read_engine(self._bundle, engine, record), kept)
        table = self._table = self._seen(trt) or record.table
        weak = ", types chosen by TensorRT" if record.options.get("typing") == "weak" else ""
        graph = ", CUDA graph" if self._options.cuda_graph else ""
        return RunInfo(
            artifact=artifact.id,
            backend=artifact.backend,
            device=f"{gpu.name} ({gpu.sm}{weak}{graph})",
            requested_precision=artifact.precision,
            reported_precision=(table.precision if table else None) or "unknown",
            threads=1,
            versions={
                built_by.name: record.version,
                "cuda": self._cuda.name,
                **({"int8-scales": record.scales} if record.scales else {}),
            },
        )

    def _open_gpu(self) -> Cuda:
        """Raises UnavailableError without a GPU, and where another device was asked for."""
        cuda = self._open_cuda()
        if self._options.device.upper() not in ("GPU", "CUDA"):
            cuda.close()
            raise UnavailableError(
                f"{self._artifact.id}: engines run on the GPU only, '{self._options.device}' was asked for: add "
                "--device GPU"
            )
        return cuda

    def _record(self, gpu: Gpu) -> tuple[str, EngineRecord]:
        """The engine's path and what is known of it."""
        artifact = self._artifact
        if artifact.backend != TENSORRT_RTX.name:
            engine = engine_path(artifact, gpu.sm)
            return engine, read_record(self._bundle, engine)
        verify(self._bundle, artifact.files)
        return artifact.path, shipped_record(artifact)

    def _load(self, trt: ModuleType, data: bytes, kept: KeptKernels) -> None:
        """Deserialise, and hold the engine's ports against the manifest's."""
        artifact = self._artifact
        logger, self._journal = _shared_logger(trt)
        self._runtime = trt.Runtime(logger)
        self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise InputError(
                f"{artifact.id}: TensorRT cannot read the engine, which was built for this GPU by this version: "
                f"{self._journal.reason}; build or export it again"
            )
        found: dict[bool, dict[str, tuple[object, ...]]] = {True: {}, False: {}}
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            is_input = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            found[is_input][name] = tuple(self._engine.get_tensor_shape(name))
            if self._engine.get_tensor_dtype(name) != trt.DataType.FLOAT:
                raise InputError(f"{artifact.id}: the engine's '{name}' is not float32; export and build it again")
        for port, ports in ((artifact.input, found[True]), (artifact.output, found[False])):
            require_port(artifact.id, port, ports)
            if len(ports) != 1:
                raise InputError(f"{artifact.id}: expected one input and one output, the engine has {list(ports)}")
        self._context, kernels = kept.context(self._engine)
        self._keep = partial(kept.keep, kernels)
        if self._context is None:
            raise BackendError(f"{artifact.id}: TensorRT makes no execution context: {self._journal.reason}")
        if not self._context.set_input_shape(artifact.input.name, artifact.input.shape):
            raise BackendError(f"{artifact.id}: TensorRT refuses the input's shape: {self._journal.reason}")

    def _seen(self, trt: ModuleType) -> KernelTable | None:
        """What the engine itself says of its kernels; None where it keeps no details."""
        inspector = self._engine.create_engine_inspector()
        try:
            kernels = parse_inspector(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
        except ValueError:  # older versions write JSON that is none when details are missing
            return None
        table = summary(kernels)
        return table if table.precision else None

    def _infer(self, tile: Array) -> Array:
        with self._slots(1) as (slot,):
            self._start(slot, tile)
            sr = self._finish(slot)
            self._note_times(slot)
        return sr

    def _infer_each(self, tiles: Iterator[Array]) -> Iterator[Array]:
        """The next tile is copied while this one computes, and its result while the next one does."""
        with self._slots(AHEAD) as slots:
            free, busy = deque(slots), deque[Slot]()
            try:
                for tile in tiles:
                    if not free:
                        free.append(busy.popleft())
                        yield self._finish(free[0])
                    slot = free.popleft()
                    busy.append(slot)
                    self._start(slot, tile)
                while busy:
                    yield self._finish(busy.popleft())
            finally:
                for slot in busy:  # left early: nothing may be on its way when the buffers are used again
                    self._gpu.synchronize(slot.stream)

    def macs(self) -> dict[str, int]:
        return dict(self._table.macs) if self._table else {}

    def device_ms(self) -> Mapping[str, float]:
        return {part: median(values) for part, values in self._times.items() if values}

    def _close(self) -> None:
        self._keep()
        self._keep = lambda: None
        if self._cuda is not None:
            self._cuda.close()  # waits for the GPU
        self._free.clear()
        self._last = None
        self._times = {}
        self._context = self._engine = self._runtime = self._cuda = None

    @property
    def _gpu(self) -> Cuda:
        assert self._cuda is not None
        return self._cuda

    @contextmanager
    def _slots(self, count: int) -> Iterator[list[Slot]]:
        """Slots that nobody else uses; they are kept for the next run."""
        taken = [self._free.pop() if self._free else self._new_slot() for _ in range(count)]
        try:
            yield taken
        finally:
            self._free += taken

    def _new_slot(self) -> Slot:
        cuda, artifact = self._gpu, self._artifact
        lr, sr = cuda.host(artifact.input.shape), cuda.host(artifact.output.shape)
        on_gpu = (cuda.device(lr.array.nbytes), cuda.device(sr.array.nbytes))
        stream = cuda.stream()

        def launch() -> None:
            names = (artifact.input.name, artifact.output.name)
            placed = [
                self._context.set_tensor_address(name, it.address) for name, it in zip(names, on_gpu, strict=True)
            ]
            if not all(placed) or not self._context.execute_async_v3(cuda.stream_handle(stream)):
                raise BackendError(f"{artifact.id}: TensorRT failed: {self._journal.reason}")

        enqueue = launch
        if self._options.cuda_graph:
            launch()  # the first run loads modules, which no graph can hold
            cuda.synchronize(stream)
            enqueue = cuda.capture(stream, launch)
        began, uploaded, started, computed, ended = (cuda.event() for _ in range(5))
        return Slot(lr, sr, *on_gpu, stream, began, uploaded, started, computed, ended, enqueue)

    def _start(self, slot: Slot, tile: Array) -> None:
        """Put a tile on its way; nothing here waits for the GPU."""
        cuda = self._gpu
        slot.lr.array[...] = tile
        cuda.record(slot.began, slot.stream)
        cuda.upload(slot.lr_device, slot.lr, slot.stream)
        cuda.record(slot.uploaded, slot.stream)
        if self._last is not None:
            cuda.wait(slot.stream, self._last)
        cuda.record(slot.started, slot.stream)
        slot.launch()
        cuda.record(slot.computed, slot.stream)
        self._last = slot.computed
        cuda.download(slot.sr, slot.sr_device, slot.stream)
        cuda.record(slot.ended, slot.stream)

    def _finish(self, slot: Slot) -> Array:
        """Wait for a tile; the result is the caller's own, since the pinned memory is used again."""
        self._gpu.synchronize(slot.stream)
        sr: Array = slot.sr.array.copy()
        return sr

    def _note_times(self, slot: Slot) -> None:
        parts = {
            "upload": (slot.began, slot.uploaded),
            "compute": (slot.started, slot.computed),
            "download": (slot.computed, slot.ended),
        }
        for part, (first, second) in parts.items():
            kept = self._times.setdefault(part, deque(maxlen=KEPT_TIMES))
            kept.append(self._gpu.elapsed_ms(first, second))


@lru_cache(maxsize=2)
def _shared_logger(trt: ModuleType) -> tuple[object, LibraryLog]:
    """One logger for a library and process: TensorRT keeps the first one that it gets."""
    log = LibraryLog()
    return make_logger(trt, log), log


__all__ = ["NO_GPU", "TensorRTRunner"]
