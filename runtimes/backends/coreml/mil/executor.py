"""Executing a program: constants once, everything else for each input, every result rounded to its type.

Values of type fp16 are carried as float32 that fp16 can represent. What one operator does inside (the sums of a
convolution, of a matrix product, of a mean) is done in float32 and rounded once; a device that also rounds inside
has larger errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from dlgsanet.errors import BackendError, InputError
from runtimes.backends.coreml.mil.operators_convolution import CONVOLUTION
from runtimes.backends.coreml.mil.operators_elementwise import ELEMENTWISE, Arguments
from runtimes.backends.coreml.mil.operators_sampling import SAMPLING
from runtimes.backends.coreml.mil.operators_tensor import TENSORS
from runtimes.backends.coreml.mil.operators_weights import COMPRESSED
from runtimes.backends.coreml.mil.program import Blob, Model, Operation
from runtimes.backends.coreml.mil.tensor_types import Anything, TensorType
from runtimes.backends.coreml.mil.weight_blobs import read_blob

OPERATORS = {**ELEMENTWISE, **TENSORS, **COMPRESSED, **CONVOLUTION, **SAMPLING}
FLOATS = ("fp16", "fp32")
MOVES = frozenset(
    {
        "abs", "concat", "expand_dims", "gather", "identity", "max_pool", "maximum", "minimum", "pixel_shuffle",
        "reduce_max", "reduce_min", "relu", "reshape", "slice_by_index", "split", "squeeze", "tile", "transpose",
    }
)  # fmt: skip
"""Operators whose results are among their inputs, but for the sign: nothing is left to round."""

Observer = Callable[[str, Anything], None]


@dataclass(frozen=True)
class _Name:
    name: str


_Bound = Anything | _Name
_Argument = _Bound | tuple[_Bound, ...]  # a tuple for `values` only


@dataclass(frozen=True)
class _Step:
    """An operation with what it is called with: constants already as arrays, values by name."""

    operation: Operation
    function: Callable[[Arguments], Anything | tuple[Anything, ...]]
    arguments: Mapping[str, _Argument]
    drops: tuple[str, ...]  # values that nobody reads afterwards


class Executor:
    """A program ready to run. `strict` rounds fp16 results to fp16; without it everything is computed in fp32.

    Raises InputError, naming it, for an operator or a parameter that is not known, and for weights that do not fit.
    """

    def __init__(self, model: Model, weights: Mapping[str, bytes], *, strict: bool = True) -> None:
        """`weights`: the package's weight files by the name that the program gives them."""
        self._strict = strict
        self._weights = weights
        self._constants: dict[str, Anything] = {}
        self._results = model.results
        live = {feature.name for feature in model.inputs}
        dynamic = []
        for operation in model.operations:
            if operation.kind == "const":
                self._constants[operation.outputs[0][0]] = self._array(operation.constants["val"])
                continue
            step = self._step(operation, live)
            if any(isinstance(value, _Name) for value in _flat(step.arguments)):
                dynamic.append(step)
                live |= {name for name, _ in operation.outputs}
            else:
                self._constants.update(self._run(step, {}))
        self._steps = _with_drops(dynamic, self._results)
        if not set(self._results) <= live:
            raise InputError(f"expected results that depend on the input, found {', '.join(self._results)}")

    def run(self, inputs: Mapping[str, Anything], observe: Observer | None = None) -> dict[str, Anything]:
        """The results for these inputs (float32). `observe` gets the name and value of everything computed."""
        values = dict(inputs)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
            for step in self._steps:
                made = self._run(step, values)
                values.update(made)
                for name in step.drops:
                    del values[name]
                for name, value in made.items() if observe else ():
                    observe(name, value)  # type: ignore[misc]
        return {name: values[name] for name in self._results}

    def _step(self, operation: Operation, live: set[str]) -> _Step:
        if operation.kind not in OPERATORS:
            raise InputError(f"the operator {operation.kind} ({operation.name}) is not known to the interpreter")
        function, required, optional = OPERATORS[operation.kind]
        arguments = {name: self._argument(name, bound, live) for name, bound in operation.inputs.items()}
        arguments |= {name: self._array(value) for name, value in operation.constants.items()}
        for name in arguments:
            if name not in (*required, *optional):
                raise InputError(f"{operation.kind} ({operation.name}): the parameter {name} is not known")
        for name in required:
            if name not in arguments:
                raise InputError(f"{operation.kind} ({operation.name}): expected the parameter {name}, found none")
        return _Step(operation, function, arguments, ())

    def _argument(self, parameter: str, bound: tuple[str | Anything | Blob, ...], live: set[str]) -> _Argument:
        found = [self._bound(item, live) for item in bound]
        if parameter == "values":
            return tuple(found)
        if len(found) != 1:
            raise InputError(f"expected one value for {parameter}, found {len(found)}; export again")
        return found[0]

    def _bound(self, item: str | Anything | Blob, live: set[str]) -> _Bound:
        if not isinstance(item, str):
            return self._array(item)
        if item in self._constants:
            return self._constants[item]
        if item not in live:
            raise InputError(f"the program reads '{item}' before anything has made it; export again")
        return _Name(item)

    def _array(self, value: Anything | Blob) -> Anything:
        if isinstance(value, Blob):
            if value.file not in self._weights:
                raise InputError(f"the program reads '{value.file}', which the package does not hold; export again")
            value = read_blob(self._weights[value.file], value)
        return value.astype(np.float32) if value.dtype == np.float16 else value

    def _run(self, step: _Step, values: Mapping[str, Anything]) -> dict[str, Anything]:
        operation = step.operation
        try:
            made = step.function(_filled(step.arguments, values))
        except (ValueError, IndexError, TypeError, KeyError) as error:
            raise InputError(
                f"{operation.kind} ({operation.name}) cannot be computed: {error}; export again"
            ) from error
        outputs = made if isinstance(made, tuple) else (made,)
        if len(outputs) != len(operation.outputs):
            raise InputError(f"{operation.kind} ({operation.name}): expected {len(operation.outputs)} results")
        return {
            name: self._typed(operation, value, kind)
            for value, (name, kind) in zip(outputs, operation.outputs, strict=True)
        }

    def _typed(self, operation: Operation, value: Anything, kind: TensorType) -> Anything:
        """The result as the program declares it; another shape means that program and interpreter disagree."""
        array = np.asarray(value)
        if array.shape != kind.shape:
            raise BackendError(
                f"{operation.kind} ({operation.name}): the program declares {list(kind.shape)}, computed was "
                f"{list(array.shape)}; export again"
            )
        if kind.dtype not in FLOATS:
            return array
        array = array.astype(np.float32, copy=False)
        if kind.dtype == "fp32" or not self._strict or operation.kind in MOVES:
            return array
        return array.astype(np.float16).astype(np.float32)


def _flat(arguments: Mapping[str, _Argument]) -> Iterator[_Bound]:
    for value in arguments.values():
        if isinstance(value, tuple):
            yield from value
        else:
            yield value


def _filled(arguments: Mapping[str, _Argument], values: Mapping[str, Anything]) -> Arguments:
    """The arguments with every name replaced by its value."""

    def of(bound: _Bound) -> Anything:
        return values[bound.name] if isinstance(bound, _Name) else bound

    found = {name: tuple(map(of, it)) if isinstance(it, tuple) else of(it) for name, it in arguments.items()}
    return cast("Arguments", found)


def _with_drops(steps: list[_Step], kept: tuple[str, ...]) -> list[_Step]:
    """Each step with the values that it is the last to read, or that nobody reads."""
    seen = set(kept)
    found = []
    for step in reversed(steps):
        names = {value.name for value in _flat(step.arguments) if isinstance(value, _Name)}
        names |= {name for name, _ in step.operation.outputs}
        found.append(_Step(step.operation, step.function, step.arguments, tuple(sorted(names - seen))))
        seen |= names
    return found[::-1]
