"""LiteRT's interpreter on the CPU: opened without a word on stderr, with more outputs where they are asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlgsanet.command_line.remarks import without_remarks
from runtimes.runner.ports import require_taps
from runtimes.runner.tiling import Array

_REMARK = re.compile(rb"INFO: .*")
IDENTIFIER = b"TFL3"
"""Of the file format."""


class Interpreter(Protocol):
    """What is used of `ai_edge_litert.interpreter.Interpreter`."""

    def allocate_tensors(self) -> None: ...
    def invoke(self) -> None: ...
    def set_tensor(self, tensor: int, value: NDArray[np.generic]) -> None: ...
    def get_tensor(self, tensor: int) -> Array: ...
    def get_input_details(self) -> Sequence[Mapping[str, Any]]: ...
    def get_output_details(self) -> Sequence[Mapping[str, Any]]: ...
    def get_tensor_details(self) -> Sequence[Mapping[str, Any]]: ...
    def _get_ops_details(self) -> Sequence[Mapping[str, Any]]: ...


def open_interpreter(model: bytes, threads: int) -> Interpreter:
    """Raises ValueError or RuntimeError for a file that the engine does not take."""
    from ai_edge_litert.interpreter import Interpreter as Engine

    with without_remarks(_REMARK):
        made: Interpreter = Engine(model_content=model, num_threads=threads)
        made.allocate_tensors()
    return made


def with_outputs(artifact_id: str, model: bytes, names: Sequence[str]) -> bytes:
    """The same model with these tensors as further outputs. Raises InputError where it has not all of them, as
    `open_interpreter` for a file that the engine does not take."""
    if not names:
        return model
    open_interpreter(model, 1)  # the engine verifies the file; the reader below believes it
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    twin = schema.ModelT.InitFromPackedBuf(model)
    graph = twin.subgraphs[0]
    numbers = {tensor.name.decode(): number for number, tensor in enumerate(graph.tensors)}
    require_taps(artifact_id, names, numbers)
    graph.outputs = [*graph.outputs, *(numbers[name] for name in names)]
    twin.signatureDefs = []  # they name every output
    builder = flatbuffers.Builder(len(model))
    builder.Finish(twin.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
