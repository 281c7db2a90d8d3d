"""A network's own ONNX file as its users run it: with all that the engine optimizes, in the file's own form of
pixels."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from runtimes.backends.onnxruntime import ENGINE
from runtimes.backends.onnxruntime.devices import provider_of
from runtimes.backends.onnxruntime.session import provider_options, refused
from runtimes.backends.onnxruntime.untouched import UntouchedOnnx
from runtimes.bundle.foreign import Foreign
from runtimes.machine.processor import available_threads
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.tiling import Array, Tile


class OnnxFileRunner(Runner):
    """One tile size of a file that no manifest describes. Its engine tells no precision, so that it is `precision` that
    is reported as well as requested."""

    def __init__(
        self, path: Path, foreign: Foreign, scale: int, tile: Tile, precision: str, options: RunOptions
    ) -> None:
        super().__init__(scale, (tile,))
        self._path, self._foreign, self._precision, self._options = path, foreign, precision, options
        self._network: UntouchedOnnx | None = None

    def _open(self) -> RunInfo:
        ort = ENGINE.load()
        threads = self._options.threads or available_threads()
        provider = provider_of(ort, self._options.device, threads)
        options = provider_options(ort, provider, threads, resting=self._options.resting)
        try:
            session = provider.session(ort, self._path, options)
        except Exception as error:
            raise refused(f"{self._path.name}: ONNX Runtime cannot load it: {error}", provider) from error
        self._network = UntouchedOnnx(session, self._foreign)
        return RunInfo(
            artifact=self._path.stem,
            backend=ENGINE.name,
            device=provider.shown,
            requested_precision=self._precision,
            reported_precision=self._precision,
            threads=threads,
            versions={ENGINE.name: ort.__version__, "numpy": version("numpy")},
        )

    def _infer(self, tile: Array) -> Array:
        assert self._network is not None
        return self._network(tile)

    def _close(self) -> None:
        self._network = None
