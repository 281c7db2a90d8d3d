"""A `.tflite` file under construction: tensors, constants and operators, as LiteRT's own schema has them.

Everything is written in the order in which it was added, so the same graph gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runtimes.backends.litert.interpreter import IDENTIFIER

if TYPE_CHECKING:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

SCHEMA_VERSION = 3
ALIGNMENT = 16  # of constants, as the schema says: kernels read them where they lie
SIGNATURE = "serving_default"

_TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int8": 9}  # TensorType


@dataclass(frozen=True)
class Steps:
    """How whole numbers stand for reals: real = scale * (number - zero). One scale, or one for each place along
    `axis`."""

    scale: tuple[float, ...]
    zero: tuple[int, ...]
    axis: int = 0


class FlatModel:
    """One subgraph; tensors by their numbers."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self._tensors: list[schema.TensorT] = []
        self._buffers: list[schema.BufferT] = [schema.BufferT()]  # the first one is empty: tensors that are computed
        self._operators: list[schema.OperatorT] = []
        self._codes: dict[tuple[int, int], int] = {}
        self._constants: dict[tuple[object, ...], int] = {}

    def tensor(self, name: str, shape: Sequence[int], kind: str, steps: Steps | None = None) -> int:
        """A tensor that is computed."""
        return self._add(name, shape, kind, 0, steps)

    def constant(self, name: str, array: NDArray[np.generic], steps: Steps | None = None) -> int:
        """A constant; equal ones are one tensor."""
        data = np.ascontiguousarray(array)
        key = (data.dtype.str, array.shape, data.tobytes(), steps)
        if key not in self._constants:
            buffer = _aligned(self.schema, data)
            self._buffers.append(buffer)
            kind = str(array.dtype)
            self._constants[key] = self._add(name, array.shape, kind, len(self._buffers) - 1, steps)
        return self._constants[key]

    def rename(self, tensor: int, name: str) -> None:
        """Call a tensor otherwise."""
        self._tensors[tensor].name = name

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None, version: int = 1
    ) -> None:
        """Add a builtin operator. `options`: an object of the schema, such as Conv2DOptionsT; -1 in `inputs` stands for
        one that is left out."""
        made = self.schema.OperatorT()
        made.opcodeIndex = self._code(getattr(self.schema.BuiltinOperator, kind), version)
        made.inputs, made.outputs = list(inputs), list(outputs)
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(self.schema.BuiltinOptions, name)
            made.builtinOptions = options
        self._operators.append(made)

    def like(self, tensor: int, name: str, shape: Sequence[int]) -> int:
        """A tensor of the same type and steps as another."""
        known = self._tensors[tensor]
        made = self.tensor(name, shape, "float32")
        self._tensors[made].type, self._tensors[made].quantization = known.type, known.quantization
        return made

    def finish(
        self, inputs: Mapping[str, int], outputs: Mapping[str, int], texts: Mapping[str, str], about: str
    ) -> bytes:
        """The file's content; `texts` go in as metadata, `about` as its description."""
        import flatbuffers

        graph = self.schema.SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = list(inputs.values()), list(outputs.values())
        graph.name = "main"
        model = self.schema.ModelT()
        model.version, model.description = SCHEMA_VERSION, about
        model.operatorCodes = [self._operator_code(*key) for key in self._codes]
        model.subgraphs, model.signatureDefs = [graph], [self._signature(inputs, outputs)]
        model.metadata = [self._text(name, text) for name, text in sorted(texts.items())]
        model.buffers = self._buffers
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    def _add(self, name: str, shape: Sequence[int], kind: str, buffer: int, steps: Steps | None) -> int:
        made = self.schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, [int(side) for side in shape], _TYPES[kind], buffer
        if steps is not None:
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = list(steps.scale), list(steps.zero)
            made.quantization.quantizedDimension = steps.axis
        self._tensors.append(made)
        return len(self._tensors) - 1

    def _code(self, builtin: int, version: int) -> int:
        return self._codes.setdefault((builtin, version), len(self._codes))

    def _operator_code(self, builtin: int, version: int) -> schema.OperatorCodeT:
        made = self.schema.OperatorCodeT()
        made.builtinCode, made.version = builtin, version
        made.deprecatedBuiltinCode = min(builtin, 127)  # where files had their codes when there were fewer
        return made

    def _signature(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> schema.SignatureDefT:
        made = self.schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = SIGNATURE, 0
        made.inputs = [self._named(*item) for item in inputs.items()]
        made.outputs = [self._named(*item) for item in outputs.items()]
        return made

    def _named(self, name: str, tensor: int) -> schema.TensorMapT:
        made = self.schema.TensorMapT()
        made.name, made.tensorIndex = name, tensor
        return made

    def _text(self, name: str, text: str) -> schema.MetadataT:
        self._buffers.append(_aligned(self.schema, np.frombuffer(text.encode(), np.uint8)))
        made = self.schema.MetadataT()
        made.name, made.buffer = name, len(self._buffers) - 1
        return made


def _aligned(schema: Any, data: NDArray[np.generic]) -> Any:
    """A buffer of the schema with this content, which the generated code would put at any byte."""
    raw = data.reshape(-1).view(np.uint8)

    class Aligned(schema.BufferT):  # type: ignore[misc]
        def Pack(self, builder: flatbuffers.Builder) -> int:
            builder.StartVector(1, len(raw), ALIGNMENT)
            builder.head = builder.Head() - len(raw)
            builder.Bytes[builder.Head() : builder.Head() + len(raw)] = raw.tobytes()
            vector = builder.EndVector()
            schema.BufferStart(builder)
            schema.BufferAddData(builder, vector)
            return int(schema.BufferEnd(builder))

    return Aligned()
