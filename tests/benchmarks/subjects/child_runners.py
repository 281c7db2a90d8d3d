"""Runners that a child process of a test opens: it must be importable there, so it is a module of its own."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from dlgsanet.errors import InputError, UnavailableError
from runtimes.runner.contract import Compiling, RunInfo, Runner
from runtimes.runner.tiling import Array


class NearestRunner(Runner):
    """Repeats every pixel; `fault` says what goes wrong and when."""

    def __init__(
        self,
        scale: int = 2,
        tile: tuple[int, int] | None = (8, 8),
        name: str = "fake-fp32-8x8",
        fault: str = "",
        reported: str = "fp32",
        offset: float = 0.0,
        native: tuple[str, ...] = (),
    ) -> None:
        super().__init__(scale, () if tile is None else (tile,))
        self._name, self._fault, self._reported, self._offset = name, fault, reported, offset
        self._native = native

    def _open(self) -> RunInfo:
        if self._fault == "missing":
            raise UnavailableError("fake is not usable here; install it")
        if self._fault == "changed":
            raise InputError("fake/model has changed: its sha256 is not the manifest's")
        if self._fault == "bug on opening":
            raise FileNotFoundError("no such library")
        if self._fault == "crash on opening":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self._fault == "compiles":
            time.sleep(1)
        return RunInfo(self._name, "fake", "CPU", "fp32", self._reported, 1, {}, self._native)

    def compiling(self) -> Compiling | None:
        return Compiling(1000.0, 30_000.0) if self._fault == "compiles" else None

    def _infer(self, tile: Array) -> Array:
        if self._fault == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self._fault == "bug":
            raise RuntimeError("out of shared memory")
        if self._fault == "memory":
            np.ones((60, 1 << 20), np.uint8).sum()
        if self._fault == "hang":
            time.sleep(600)
        if self._fault == "slow":
            time.sleep(0.002)
        sr = tile.repeat(self.scale, 2).repeat(self.scale, 3) + np.float32(self._offset)
        if self._fault == "black":
            sr = np.zeros_like(sr)
        if self._fault == "nan":
            sr[0, 0, 0, 0] = np.nan
        return sr.astype(np.float32)

    def _close(self) -> None:
        pass


def open_fake(
    bundle: object, artifact: str, *, device: str = "CPU", threads: int | None = None, **_: bool
) -> NearestRunner:
    """In the place of `open_runner`: the artifact's variant says what goes wrong (`fake-fp32-crash-8x8`)."""
    parts = artifact.split("-")
    fault = parts[2].replace("_", " ") if len(parts) == 4 else ""
    return NearestRunner(name=artifact, fault=fault)
