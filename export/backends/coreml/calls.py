"""One ONNX node on its way into MIL: what the writers of operators work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import BackendError, InputError
from export.graph.attributes import Attribute, Attributed

if TYPE_CHECKING:
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.mil import Var

Ints = tuple[int, ...]
Constant = NDArray[np.generic] | np.generic | str
"""What a program may hold as it is: numbers, or the name of a mode."""


@dataclass(frozen=True)
class Call(Attributed):
    """One ONNX node: its inputs as MIL variables (`ints` holds those that are shapes or axes, `arrays` those that are
    constants as they are stored), its attributes."""

    mb: type[Builder]
    share: Callable[[Constant], Var]  # a constant as one variable, however often it is used
    name: str
    inputs: Sequence[Var]
    ints: Sequence[Ints | None]
    arrays: Sequence[NDArray[np.generic] | None]
    attributes: Mapping[str, Attribute]
    half: bool
    blockwise: bool  # iOS 18 has another operator for quantized weights

    @property
    def mb_float(self) -> type:
        """The program's type of floats."""
        return np.float16 if self.half else np.float32

    def array(self, index: int) -> NDArray[np.generic]:
        found = self.arrays[index]
        if found is None:
            raise BackendError(f"{self.name}: expected a constant, found a tensor: please report this")
        return found

    def integers(self, index: int) -> Ints:
        found = self.ints[index]
        if found is None:
            raise BackendError(f"{self.name}: expected integers that are constant, found a tensor: please report this")
        return found


def int32(values: int | Sequence[int]) -> NDArray[np.int32]:
    """As MIL takes axes, sizes and sides."""
    return np.asarray(values, np.int32)


def no_form(call: Call, what: str) -> InputError:
    """What to raise for an operator that is known, in a form that is not."""
    return InputError(f"{call.name}: no form of {what} is known for Core ML: leave coreml out of --to")
