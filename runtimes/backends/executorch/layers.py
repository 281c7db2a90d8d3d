"""What a `.pte` file has been compiled to: what its delegate computes and in which precision, and what is left to
kernels of their own. Fields are those of ExecuTorch 1.5's `program.fbs` and XNNPACK's `runtime_schema.fbs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod

from runtimes.backends.executorch.flatbuffer import FlatTable, root
from runtimes.backends.executorch.method import DELEGATE
from runtimes.runner.work_by_precision import Layer, convolution_macs, count_fault, product_macs

IDENTIFIER, EXTENDED = b"ET12", b"eh00"
_XNNPACK_HEADER = b"XH00"
_KERNEL = 1  # of InstructionArguments
_SEGMENT = 1  # of DataLocation
_CONVOLUTIONS, _FULLY_CONNECTED, _PRODUCT = (7, 13), 2, 37  # XNodeUnion
_QUANTIZED = 2  # XValueUnion
_TYPES = {1: "fp32", 2: "fp16", 3: "int8", 6: "int8"}  # XNNDatatype
_RESTORE = "quantized_decomposed::dequantize_per_channel"
"""Of weights that no delegate took: their convolution computes in floats."""


@dataclass(frozen=True)
class ProgramFile:
    """Raises ValueError, wherever it is asked, for a file that is not of this format."""

    data: bytes

    @cached_property
    def left(self) -> Mapping[str, int]:
        """Operator -> how many of it run outside of the delegate."""
        with _as_value_errors():
            plan = self._plan
            names = [operator.text(0) for operator in plan.tables(6)]
            ran = [names[call.number(0, "i")] for kind, call in _instructions(plan) if kind == _KERNEL]
        return {name: ran.count(name) for name in sorted(set(ran))}

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every convolution and product of matrices of the delegate."""
        with _as_value_errors():
            return tuple(layer for graph in self._delegated for layer in _layers(graph))

    @property
    def precision(self) -> str:
        """`int8` where convolutions compute in whole numbers, and how many where not all do; else fp32."""
        whole = sum(layer.precision == "int8" for layer in self.layers)
        outside = self.left.get(_RESTORE, 0)
        if not whole + outside:
            return "fp32"
        return count_fault(whole + outside, whole) or "int8"

    @cached_property
    def _plan(self) -> FlatTable:
        if self.data[4:8] != IDENTIFIER or self.data[8:12] != EXTENDED:
            raise ValueError("not a program of ExecuTorch")
        return next(root(self.data).tables(1))

    @cached_property
    def delegates(self) -> tuple[tuple[str, bytes], ...]:
        """Of every delegate's part of the program, in order: the delegate's name, and what it was given."""
        with _as_value_errors():
            base = int.from_bytes(self.data[24:32], "little")
            segments = tuple(root(self.data).tables(4))
            made = []
            for delegate in self._plan.tables(7):
                reference = delegate.table(1)
                if reference.number(0, "b") != _SEGMENT:
                    raise ValueError(f"expected segments of {delegate.text(0)}, found its bytes inline")
                segment = segments[reference.number(1)]
                start = base + segment.number(0, "Q")
                made.append((delegate.text(0), self.data[start : start + segment.number(1, "Q")]))
            return tuple(made)

    @cached_property
    def _delegated(self) -> tuple[FlatTable, ...]:
        """The graphs of XNNPACK."""
        made = []
        for name, blob in self.delegates:
            if name != DELEGATE:
                raise ValueError(f"expected segments of {DELEGATE}, found {name}")
            at = int.from_bytes(blob[10:14], "little") if blob[4:8] == _XNNPACK_HEADER else 0
            made.append(root(blob[at:]))
        return tuple(made)


def require_whole(data: bytes, delegate: str) -> bytes:
    """What the delegate holds. Raises ValueError, naming what is left, for a program that is anything else than one
    call of it."""
    program = ProgramFile(data)
    names = [name for name, _ in program.delegates]
    if program.left:
        said = ", ".join(f"{count} {kind}" for kind, count in program.left.items())
        raise ValueError(f"the delegate leaves {said} to the processor")
    if names != [delegate]:
        raise ValueError(f"expected one call of {delegate}, found {', '.join(names) or 'none'}")
    return program.delegates[0][1]


@contextmanager
def _as_value_errors() -> Iterator[None]:
    """Numbers of a damaged file that lead nowhere."""
    try:
        yield
    except (LookupError, ArithmeticError, StopIteration) as error:
        raise ValueError(f"its parts do not fit together ({type(error).__name__})") from error


def _instructions(plan: FlatTable) -> Iterator[tuple[int, FlatTable]]:
    for chain in plan.tables(5):
        for instruction in chain.tables(2):
            yield instruction.number(0, "B"), instruction.table(1)


def _layers(graph: FlatTable) -> Iterator[Layer]:
    values = dict(map(_value, graph.tables(2)))
    for node in graph.tables(1):
        kind, call = node.number(0, "B"), node.table(1)
        if kind in _CONVOLUTIONS:
            precision = values[call.number(15)][0]
            out = values[call.number(18)][1]
            outputs = call.number(11) * call.number(12)
            weight = (outputs, call.number(10), call.number(4), call.number(5))
            yield Layer(precision, convolution_macs(weight, prod(out) // outputs))
        elif kind in (_PRODUCT, _FULLY_CONNECTED):
            precision, left = values[call.number(0)]
            out = values[call.number(2 if kind == _PRODUCT else 3)][1]
            yield Layer(precision, product_macs(left, out))


def _value(value: FlatTable) -> tuple[int, tuple[str, tuple[int, ...]]]:
    """Its number; type and sides."""
    told = value.table(1)
    tensor = told.table(0) if value.number(0, "B") == _QUANTIZED else told
    kind = tensor.number(0, "h")
    return tensor.number(6), (_TYPES.get(kind, f"type {kind}"), tensor.numbers(2))
