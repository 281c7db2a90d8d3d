"""An ONNX graph of ours as a MIL program: the same operators in the same order, in fp32 or throughout in fp16.

Nothing is left to the converter's own precision passes: the weights are rounded here, once, and the only casts
are those of the input and the output. Names are short, since a package repeats them and small networks have more
program than weights: `g0b1_12` is the 12th operation of block 1 of group 0.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import BackendError, InputError
from export.backends.coreml.calls import Call, Constant, Ints
from export.backends.coreml.operations import OPERATORS
from export.graph.attributes import attributes_of
from export.graph.block_tensors import block_of
from export.graph.graph import MAX_RANK, Graph
from export.targets.row import since

if TYPE_CHECKING:
    import onnx
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.mil import Program, Var

INPUT, OUTPUT = "lr", "sr"
BLOCKWISE = "iOS18"  # the first system with scales for each block of a constant
HALF_TINY = np.float16(2.0**-14)
"""The smallest normal fp16 number. A constant below it guards a division: as a zero, it would not."""

PIXEL_MAX = 255.0  # of image inputs and outputs
_PARTS = {"overlap_embed": "shallow", "upsample": "upsample"}
_BLOCK = re.compile(r"deep_feature_extraction\.(\d+)(?:\.body\.(\d+))?")


@dataclass(frozen=True)
class ProgramOptions:
    """`half`: compute in fp16. `image`: 8-bit RGB pictures in and out in place of arrays in [0, 1]. `target`: the
    deployment target's name in coremltools, such as iOS17."""

    half: bool
    image: bool
    target: str


def build_program(graph: onnx.GraphProto, tile: tuple[int, int], options: ProgramOptions) -> Program:
    """The MIL program of `graph` (an onnx GraphProto whose input is `lr`): lr (1, 3, H, W) -> sr.

    Raises BackendError for an operator that `export.backends.coreml.operations` does not know.
    """
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb

    def body(lr: Var) -> Var:  # the argument's name becomes the input's
        return _Translator(mb, graph, options).run(lr)

    version = getattr(ct.target, options.target)
    return mb.program(input_specs=[mb.TensorSpec((1, 3, *tile))], opset_version=version)(body)


def require_known(graph: Graph) -> None:
    """Raise InputError naming the first operator that has no form in MIL here, or makes more dimensions than it has."""
    for node in graph.model.graph.node:
        if node.op_type not in OPERATORS:
            raise InputError(
                f"no form of {node.op_type} ({node.name}) is known for Core ML: leave coreml out of --to, or "
                "export the network without it"
            )
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.inferred.value_info}
    for node in graph.model.graph.node:
        if max((ranks.get(name, 0) for name in node.output), default=0) > MAX_RANK:
            raise InputError(
                f"{node.op_type} ({node.name}) makes {ranks[node.output[0]]} dimensions, Core ML has {MAX_RANK}: leave "
                "coreml out of --to, or export the network without it"
            )


class ShortNames:
    """What the outputs of a graph's nodes are called in a package, asked for in the order of the nodes."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def of(self, onnx_name: str) -> str:
        """`deep_feature_extraction.0.body.1.restormer_attn.Conv` -> g0b1_3; a block's output has a name of its own."""
        if (named := block_of(onnx_name)) is not None:
            return named[1]
        found = _BLOCK.match(onnx_name)
        group, block = found.groups() if found else (None, None)
        if group is not None:
            where = f"g{group}" if block is None else f"g{group}b{block}"
        else:
            where = _PARTS.get(onnx_name.partition(".")[0], "top")
        self._given[where] += 1
        return f"{where}_{self._given[where]}"


class _Translator:
    """Walks the nodes; values by their ONNX names."""

    def __init__(self, mb: type[Builder], graph: onnx.GraphProto, options: ProgramOptions) -> None:
        from onnx import numpy_helper

        self.mb, self.graph, self.options = mb, graph, options
        self.arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self.values: dict[str, Var | None] = {}
        self.shared: dict[tuple[object, ...], Var] = {}
        self.names = ShortNames()

    def run(self, lr: Var) -> Var:
        kind = "fp16" if self.options.half else "fp32"
        x = self.mb.cast(x=lr, dtype="fp16", name="lr_half") if self.options.half else lr
        if self.options.image:
            x = self.mb.mul(x=x, y=self._float(np.float32(1 / PIXEL_MAX)), name="lr_unit")
        self.values[INPUT] = x
        for node in self.graph.node:
            self._node(node)
        sr = self.values[OUTPUT]
        if self.options.image:
            sr = self._to_pixels(sr)
        if kind == "fp16":
            return self.mb.cast(x=sr, dtype="fp32", name=OUTPUT)
        return self.mb.identity(x=sr, name=OUTPUT)

    def _to_pixels(self, sr: Var) -> Var:
        """Rounded here, so that no rule of a platform for turning floats into pixels matters."""
        scaled = self.mb.mul(x=sr, y=self._float(np.float32(PIXEL_MAX)), name="sr_pixels")
        clipped = self.mb.clip(x=scaled, alpha=self._plain(0.0), beta=self._plain(PIXEL_MAX), name="sr_clipped")
        return self.mb.round(x=clipped, name="sr_rounded")

    def _node(self, node: onnx.NodeProto) -> None:
        write = OPERATORS.get(node.op_type)
        if write is None:
            raise BackendError(f"no MIL form is known for {node.op_type} ({node.name}); add it to operations.py")
        inputs = [self._value(name) for name in node.input]
        ints = [self._ints(name) for name in node.input]
        arrays = [self.arrays.get(name) for name in node.input]
        name, attributes = self.names.of(node.name), attributes_of(node)
        blockwise = since(self.options.target, BLOCKWISE)
        made = write(Call(self.mb, self._share, name, inputs, ints, arrays, attributes, self.options.half, blockwise))
        outputs = made if isinstance(made, (list, tuple)) else [made]
        self.values.update(zip(node.output, outputs, strict=True))

    def _value(self, name: str) -> Var | None:
        if name in self.values:
            return self.values[name]
        array = self.arrays.get(name)  # an input that is left out has an empty name
        if array is None or array.dtype != np.float32:
            return None  # shapes and axes: see `_ints`
        return self._float(array)

    def _ints(self, name: str) -> Ints | None:
        array = self.arrays.get(name)
        return tuple(int(i) for i in array.reshape(-1)) if array is not None and array.dtype == np.int64 else None

    def _float(self, array: NDArray[np.float32] | np.float32) -> Var:
        value = np.asarray(array, np.float32)
        return self._share(round_to_half(value) if self.options.half else value)

    def _plain(self, number: float) -> np.floating:
        return np.float16(number) if self.options.half else np.float32(number)

    def _share(self, value: Constant) -> Var:
        """A constant as a variable; equal ones are one."""
        array = None if isinstance(value, str) else np.asarray(value)
        key = (value,) if array is None else (array.dtype.str, array.shape, array.tobytes())
        if key not in self.shared:
            given = value if array is None or array.ndim == 0 else array
            self.shared[key] = self.mb.const(val=given, name=f"c{len(self.shared)}")
        return self.shared[key]


def round_to_half(array: NDArray[np.float32]) -> NDArray[np.float16]:
    """Rounded to fp16; a lone positive number too small for a normal fp16 becomes the smallest one.

    Raises BackendError for a value beyond fp16's range.
    """
    if not np.all(np.abs(array) <= np.finfo(np.float16).max):
        raise BackendError(f"a weight of {np.abs(array).max():g} is beyond fp16 (65504): export coreml-fp32")
    half = array.astype(np.float16)
    if array.size == 1 and 0 < float(array.reshape(())) < float(HALF_TINY):
        return np.full(array.shape, HALF_TINY)
    return half
