"""What a planted fault is: a name, what it does, and one of three ways to plant it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.planted_faults.tail import Tail
from runtimes.runner.tiling import Array

Values = NDArray[np.generic]


@dataclass(frozen=True)
class Stored:
    """A constant as a file holds it: floats, or the integers of a quantized one."""

    key: str
    values: Values

    @property
    def is_float(self) -> bool:
        return self.values.dtype.kind == "f"


@dataclass(frozen=True)
class Convolution:
    """What a file holds of one convolution: `weight` as it is stored (for a palette the indices), the `factors` that it
    is multiplied with or looked up in, its `bias`, and of a quantized input the constants of its `ranges`."""

    weight: Stored
    factors: tuple[Stored, ...] = ()
    bias: Stored | None = None
    ranges: tuple[Stored, ...] = ()


@dataclass(frozen=True)
class Contents:
    """The constants of a file: its convolutions in order, and all floats by their shapes."""

    convolutions: tuple[Convolution, ...]
    floats: tuple[Stored, ...]


Changed = Mapping[str, Values]
"""Constants in new words: of the same shape and type as before."""


@dataclass(frozen=True)
class OutputFault:
    """Operations appended to the network's output, the same for every backend."""

    name: str
    does: str
    build: Callable[[Tail], str]


@dataclass(frozen=True)
class ConstantFault:
    """Constants of the file changed, nothing else; None where the file has nothing to change."""

    name: str
    does: str
    edit: Callable[[Contents], Changed | None]


@dataclass(frozen=True)
class RunFault:
    """The file is whole, what runs it is not. `make` gives, for one run, (output, input, number of the tile from 0) ->
    output."""

    name: str
    does: str
    make: Callable[[], Callable[[Array, Array, int], Array]]


PlantedFault = OutputFault | ConstantFault | RunFault
