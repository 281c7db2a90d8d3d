"""The Neural Engine card of a package: what its saved program asks of the engine, and how much of fp16 it uses.

A forecast from published limits, not a measurement: on a Mac the compute plan says what Core ML really does with each
operator (`runtimes.backends.coreml.runner`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from runtimes.backends.coreml.mil.program import Model, Operation
from runtimes.backends.coreml.mil.tensor_types import Anything, TensorType

MAX_AXIS = 16384
"""Longest axis that the engine takes, as its users have found; Core ML moves what is longer elsewhere."""

MAX_RANK = 4
"""The engine works on four axes; Core ML accepts five."""

ALIGNMENT = 64
"""Bytes to which the engine pads the last axis (Apple, "Deploying Transformers on the Apple Neural Engine")."""

HALF_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Card:
    """Counted over the operators that compute (no constants).

    `off_engine`: reason -> operators that are known to leave the engine for it. `ranks`: rank -> results.
    `padded`: results whose last axis is not a multiple of ALIGNMENT bytes; `padding` how many times more memory all
    results take for it. `largest`: the largest result and its bytes. `moved_bytes`: everything read and written, once
    by each operator. `weight_bytes` as stored.
    """

    operators: int
    off_engine: Mapping[str, int]
    ranks: Mapping[int, int]
    padded: int
    padding: float
    largest: tuple[str, int]
    moved_bytes: int
    weight_bytes: int

    @property
    def summary(self) -> str:
        """One line."""
        off = ", ".join(f"{count} for {reason}" for reason, count in self.off_engine.items()) or "none"
        return (
            f"Neural Engine card: {self.operators} operators, known to leave it: {off}; rank up to {max(self.ranks)}; "
            f"{self.padded} unaligned last axes (x{self.padding:.2f} memory); {self.moved_bytes / 1e6:.0f} MB moved"
        )


def card(model: Model) -> Card:
    """The card of a program; `ranks` and sizes are those that the program declares."""
    types = {feature.name: TensorType("fp32", feature.shape) for feature in model.inputs}
    constants: set[str] = set()
    off: Counter[str] = Counter()
    ranks: Counter[int] = Counter()
    operators = padded = plain = wide = moved = weights = 0
    largest = ("", 0)
    for operation in model.operations:
        types |= dict(operation.outputs)
        if operation.kind == "const" or operation.kind.startswith("constexpr_"):
            constants |= {name for name, _ in operation.outputs}
            weights += sum(_stored(value) for value in operation.written.values())
            continue
        operators += 1
        off.update(_reasons(operation, types, constants))
        moved += sum(types[name].stored_bytes for name in _names(operation))
        for name, kind in operation.outputs:
            size, full = kind.stored_bytes, _padded_bytes(kind)
            ranks[len(kind.shape)] += 1
            padded += size != full
            plain, wide, moved = plain + size, wide + full, moved + size
            largest = max(largest, (name, size), key=lambda item: item[1])
    return Card(operators, dict(off), dict(ranks), padded, wide / max(plain, 1), largest, moved, weights)


@dataclass
class Ranges:
    """An observer of `Executor.run`: the largest |value| of each block, over everything that was run."""

    peaks: dict[str, float] = field(default_factory=dict)

    def __call__(self, name: str, value: Anything) -> None:
        if value.dtype.kind == "f" and value.size:
            block = block_of(name)
            peak = max(float(value.max()), -float(value.min()))
            self.peaks[block] = max(self.peaks.get(block, 0.0), peak)

    @property
    def used(self) -> dict[str, float]:
        """Block -> the share of fp16's range that it needs: 1 is the limit."""
        return {block: peak / HALF_MAX for block, peak in self.peaks.items()}


def block_of(name: str) -> str:
    """`g0b1_12` and `g0b1_12_3` -> g0b1: block 1 of group 0; other names by their first word."""
    return name.partition("_")[0]


def _reasons(operation: Operation, types: Mapping[str, TensorType], constants: set[str]) -> Iterator[str]:
    """Why this operator is known to run elsewhere; the first reason only."""
    kinds = [kind for _, kind in operation.outputs]
    kinds += [types[name] for name in _names(operation)]
    if operation.kind == "cast":
        yield "casts of the input and output"
    elif any(kind.dtype == "fp32" for kind in kinds):
        yield "fp32"
    elif any(len(kind.shape) > MAX_RANK for kind in kinds):
        yield f"rank above {MAX_RANK}"
    elif any(size > MAX_AXIS for kind in kinds for size in kind.shape):
        yield f"an axis above {MAX_AXIS}"
    elif operation.kind == "conv" and not set(operation.inputs["weight"]) <= constants:
        yield "a convolution with computed weights"


def _names(operation: Operation) -> list[str]:
    """The values that it reads, names of constants included."""
    return [item for bound in operation.inputs.values() for item in bound if isinstance(item, str)]


def _padded_bytes(kind: TensorType) -> int:
    if not kind.shape:
        return kind.stored_bytes
    row = TensorType(kind.dtype, kind.shape[-1:]).stored_bytes
    return prod(kind.shape[:-1]) * (-(-row // ALIGNMENT) * ALIGNMENT)


def _stored(value: object) -> int:
    kind = getattr(value, "type", None)
    return kind.stored_bytes if isinstance(kind, TensorType) else 0
