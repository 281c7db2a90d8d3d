"""From a file's operations to what it holds of each convolution, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.studies.planted_faults.fault import Changed, Contents, Convolution, Stored, Values

CONVOLUTIONS = ("Conv", "Convolution", "GroupConvolution", "conv")
DEQUANTIZED = ("DequantizeLinear", "FakeQuantize", "dequantize")
QUANTIZED = ("QuantizeLinear", "quantize")
BIASED = ("Add",)  # where a format has the bias in an operation of its own
MOVES = ("Reshape", "Transpose", "Unsqueeze", "reshape")  # their further inputs say where to
DEEP = 8


@dataclass(frozen=True)
class FileStep:
    """An operation: its kind as the format calls it, the names of its inputs in order, of its outputs."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class NetworkFile(ABC):
    """One artifact's files, read: `steps` in order, `constants` by the names that steps call them."""

    steps: tuple[FileStep, ...]
    constants: Mapping[str, Values]

    @abstractmethod
    def written(self, changed: Changed) -> dict[str, bytes]:
        """The files (bundle-relative) with other values of some constants."""

    def contents(self) -> Contents:
        """What faults may change."""
        floats = tuple(Stored(key, it) for key, it in self.constants.items() if it.dtype.kind == "f" and it.size > 1)
        makers = {name: step for step in self.steps for name in step.outputs}
        readers = {name: step for step in self.steps for name in step.inputs}
        return Contents(tuple(self._convolutions(makers, readers)), floats)

    def _convolutions(self, makers: Mapping[str, FileStep], readers: Mapping[str, FileStep]) -> Iterator[Convolution]:
        for step in self.steps:
            if step.kind not in CONVOLUTIONS:
                continue
            held = sorted(self._behind(step.inputs[1], makers), key=lambda it: it.values.size)
            if not held:  # computed: a filter of the picture's own
                continue
            weight = held.pop()
            factors = () if weight.is_float else tuple(it for it in held if it.is_float)
            yield Convolution(weight, factors, self._bias(step, makers, readers), self._ranges(step, makers))

    def _bias(self, step: FileStep, makers: Mapping[str, FileStep], readers: Mapping[str, FileStep]) -> Stored | None:
        name = step.inputs[2] if len(step.inputs) > 2 else ""
        after = readers.get(step.outputs[0])
        if not name and after is not None and after.kind in BIASED:
            name = next(it for it in after.inputs if it != step.outputs[0])
        held = [it for it in self._behind(name, makers) if it.is_float] if name else []
        return max(held, key=lambda it: it.values.size, default=None)

    def _ranges(self, step: FileStep, makers: Mapping[str, FileStep]) -> tuple[Stored, ...]:
        maker = makers.get(step.inputs[0])
        if maker is None or maker.kind not in DEQUANTIZED:
            return ()
        before = makers.get(maker.inputs[0])
        names = dict.fromkeys(maker.inputs[1:])
        if before is not None and before.kind in QUANTIZED:
            names |= dict.fromkeys(before.inputs[1:])
        return tuple(it for name in names for it in self._behind(name, makers) if it.is_float)

    def _behind(self, name: str, makers: Mapping[str, FileStep], depth: int = 0) -> list[Stored]:
        """The constants that a tensor is made from; nothing where it depends on the picture."""
        if name in self.constants:
            return [Stored(name, self.constants[name])]
        maker = makers.get(name)
        if maker is None or depth > DEEP:
            return []
        found: dict[str, Stored] = {}
        for each in maker.inputs[:1] if maker.kind in MOVES else maker.inputs:
            found |= {it.key: it for it in self._behind(each, makers, depth + 1)}
        return list(found.values())


def as_stored(values: Values, like: Values) -> Values:
    """In the type and shape of what stood there; integers are rounded into their range."""
    if values.shape != like.shape:
        raise ValueError(f"expected the shape {like.shape}, found {values.shape}")
    if like.dtype.kind == "f":
        return values.astype(like.dtype)
    limits = np.iinfo(like.dtype.name)
    return np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max).astype(like.dtype)
