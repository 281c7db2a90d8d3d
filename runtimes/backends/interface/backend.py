"""What this room knows of a backend: one frozen entry each, made in the backend's own folder or package.

Entries import no engine and no runner: everything that does is a function, which imports when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import UnavailableError
from runtimes.backends.interface.engines import Engine
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import Device
from runtimes.runner.contract import Runner, RunOptions

Operand = NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int8]
Multiply = Callable[[Operand, Operand], object]


@dataclass(frozen=True)
class Judge:
    """What judges an artifact's numbers where its engine cannot run. `name`: what its records are called; `device`: by
    what; `note`: what a reader must know."""

    name: str
    device: str
    note: str


@dataclass(frozen=True)
class EngineKernels:
    """What one compiled engine of an artifact is made of, as its compiler told. `kernels`: "<type> <data type>" ->
    count; `dense`, `grouped`: convolutions by data type. Bytes are None where the compiler does not tell."""

    library: str
    sm: str
    scales: str | None
    total: int
    kernels: Mapping[str, int]
    dense: Mapping[str, int]
    grouped: Mapping[str, int]
    requantize: int
    stream_operations: int
    weight_bytes: int | None
    activation_bytes: int | None


def _no_judges(artifact: Artifact, device: str) -> tuple[Judge, ...]:
    return ()


def _nothing_told(bundle: Path, artifact: Artifact) -> str:
    return ""


def _no_kernels(bundle: Path, artifact: Artifact) -> Iterator[EngineKernels]:
    return iter(())


def _no_product(precision: str, threads: int) -> Multiply:
    raise UnavailableError(f"no matrix product is known in {precision} for this backend")


@dataclass(frozen=True)
class Backend:
    """One backend. Only `engine`, `role` and `probe` are always there; the rest says what is special about it."""

    engine: Engine

    role: str
    """What the engine is for, in the doctor's words."""

    probe: Callable[[ModuleType], tuple[Device, ...] | str]
    """Computes the tiny network (`runtimes.probe_network`) on every device of the imported engine, and gives them;
    or one line on what the engine can do without a device. An error says that it is broken."""

    runner: Callable[[Path, Artifact, int, RunOptions], Runner] | None = None
    """The runner of (bundle, artifact, scale, options), which need not import the engine before it is entered; None:
    this backend has no artifacts."""

    idle_here: str = ""
    """Why this machine can never run the engine, even where it is installed; empty where it can."""

    interpreters: tuple[str, ...] = ()
    """Device names that compute an artifact's file without its engine: `check` accepts them, `bench` refuses."""

    judges: Callable[[Artifact, str], tuple[Judge, ...]] = _no_judges
    """What stands in for the engine on a device; nothing where the engine is to run."""

    describe: Callable[[Path, Artifact], str] = _nothing_told
    """One line of what is known of an artifact of (bundle, artifact) without running it."""

    kernels: Callable[[Path, Artifact], Iterator[EngineKernels]] = _no_kernels
    """Of every engine of (bundle, artifact) that lies in the bundle."""

    open_product: Callable[[str, int], Multiply] = _no_product
    """The product of two matrices (`runtimes.probe_network.PRODUCT`, or PRODUCT_INT8 of integers) in (precision,
    threads): the engine's own peak. Raises UnavailableError where there is none."""

    as_written: bool = False
    """Its fp32 artifacts compute the graph as it was written: what other backends did to it shows beside them."""

    beside_int8: str = "fp32"
    """The precision in which its INT8 artifacts compute what is not quantized."""

    @property
    def name(self) -> str:
        return self.engine.name
