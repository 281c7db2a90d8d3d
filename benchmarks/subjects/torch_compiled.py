"""The network in torch as `torch.compile` makes it: torch at its best on a CPU. Compiling is timed apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlgsanet.errors import UnavailableError
from dlgsanet.storage.atomic import write_text
from dlgsanet.storage.cache_folder import user_cache
from runtimes.backends.torch.runner import TorchRunner
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import cpu_name
from runtimes.runner.contract import Compiling, RunInfo
from runtimes.runner.tiling import Array, Tile

if TYPE_CHECKING:
    from torch.nn import Module

_CACHE = "TORCHINDUCTOR_CACHE_DIR"


def compiled(model: Module, threads: int) -> Module:
    """The model, compiled for one size of input when it is first called, into a cache of ours unless the user named
    one: the next process that asks for the same loads it from there."""
    os.environ.setdefault(_CACHE, str(user_cache() / "inductor"))
    model.compile(dynamic=False, options={"cpp.threads": threads})
    return model


class CompiledRunner(TorchRunner):
    """Runs a function of a model that is `compiled`; opening calls it, and so compiles it.

    Raises UnavailableError on opening where it cannot be compiled, as without a C++ compiler.
    """

    def __init__(
        self,
        function: Callable[[Array], Array],
        scale: int,
        tile: Tile,
        name: str,
        *,
        threads: int,
        versions: Mapping[str, str],
        made_of: str,
    ) -> None:
        super().__init__(function, scale, tile, name, threads=threads, versions=versions)
        self._first_tile = np.zeros((1, 3, *tile), np.float32)
        self._made_of = repr((name, made_of, threads, sorted(versions.items()), cpu_name()))
        self._compiling: Compiling | None = None

    def compiling(self) -> Compiling | None:
        return self._compiling

    def _open(self) -> RunInfo:
        info = super()._open()
        times = []
        for _ in range(2):  # the first compiles and runs, the second runs
            start = now_ms()
            try:
                self._function(self._first_tile)
            except RuntimeError as error:
                raise UnavailableError(
                    f"torch.compile needs a C++ compiler that works, found: {str(error).strip().splitlines()[0]}"
                ) from error
            times.append(now_ms() - start)
        took_ms = max(times[0] - times[1], 0.001)  # records hold times above zero
        self._compiling = Compiling(took_ms, _first_time(self._made_of, took_ms))
        return info


def _first_time(made_of: str, took_ms: float) -> float:
    """`took_ms` for what the cache had not; else what it took when it was put there."""
    place = Path(os.environ[_CACHE]) / f"compile-ms-{sha256(made_of.encode()).hexdigest()[:16]}"
    with suppress(OSError, ValueError):
        return float(place.read_text(encoding="ascii"))
    write_text(place, repr(took_ms))
    return took_ms
