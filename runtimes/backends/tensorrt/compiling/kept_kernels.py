"""Kernels that TensorRT-RTX compiled for this GPU, kept for the next start: it makes them when an engine first runs.

TensorRT-RTX itself refuses what another version, driver or GPU wrote. Here they are known by the engine as well, and
their hash is checked before the library sees them. Written to its Python package; no GPU has run it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dlgsanet.storage.shelf import KeptEntries, key_of

_KIND, _FILE = "kernels", "runtime.cache"


@dataclass(frozen=True)
class KeptKernels:
    """Of one engine, told by its hash, on one GPU: `version` is the library's."""

    engine_sha256: str
    version: str
    gpu: str
    shelf: KeptEntries

    def context(self, cuda_engine: Any) -> tuple[Any, Any]:
        """An execution context of `cuda_engine`, None where the library makes none, and the cache that it fills; of a
        library without such caches, and where nothing is kept, None."""
        if not self.shelf.usable or not hasattr(cuda_engine, "create_runtime_config"):
            return cuda_engine.create_execution_context(), None
        runtime_config = cuda_engine.create_runtime_config()
        kernels = runtime_config.create_runtime_cache()
        if (known := self.shelf.recall(_KIND, self._key)) is not None:
            kernels.deserialize(known.get(_FILE, b""))  # False: of another driver; the cache stays empty
        runtime_config.set_runtime_cache(kernels)
        return cuda_engine.create_execution_context(runtime_config), kernels

    def keep(self, kernels: Any) -> None:
        """Keep what a cache holds now (None: there is none): asked when the engine is closed, since kernels are made
        while it runs."""
        if kernels is None:
            return
        with suppress(RuntimeError):  # of a GPU that failed
            made = {_FILE: bytes(memoryview(kernels.serialize()))}
            if made != self.shelf.recall(_KIND, self._key):
                self.shelf.keep(_KIND, self._key, made)

    @property
    def _key(self) -> str:
        return key_of(self.engine_sha256, self.version, self.gpu)
