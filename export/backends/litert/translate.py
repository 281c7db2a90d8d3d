"""A graph of ours as the content of a `.tflite` file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dlgsanet.errors import BackendError
from export.backends.litert.convolutions import shuffle_orders
from export.backends.litert.flat_model import Steps
from export.backends.litert.integers import answers
from export.backends.litert.operators import OPERATORS, require_known
from export.backends.litert.program import GraphFacts, OnnxNode, Program
from export.graph.attributes import attributes_of
from export.graph.graph import Graph

PIXELS = Steps((1 / 255,), (0,))
"""How bytes stand for reals in pictures."""

ABOUT = "made by dlgsanet-edge"


@dataclass(frozen=True)
class FileForm:
    """How a graph is written: `weights` as `export.backends.litert.weights` names them; `image`: 8-bit pictures in and
    out in place of reals in [0, 1]; `texts` go in as metadata."""

    weights: str = "fp32"
    image: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)


def graph_facts(graph: Graph) -> GraphFacts:
    """Of a graph with its shapes inferred."""
    from onnx import numpy_helper

    inferred = graph.inferred
    known = (*inferred.input, *inferred.value_info, *inferred.output)
    shapes = {item.name: tuple(side.dim_value for side in item.type.tensor_type.shape.dim) for item in known}
    nodes = []
    for node in inferred.node:
        nodes.append(OnnxNode(node.op_type, node.name, tuple(node.input), tuple(node.output), attributes_of(node)))
    arrays = {item.name: numpy_helper.to_array(item) for item in inferred.initializer}
    return GraphFacts(tuple(nodes), shapes, arrays, shuffle_orders(nodes, shapes), answers(nodes))


def require_form(graph: Graph) -> None:
    """Raise InputError naming the first operator that has no form in LiteRT here, or none of this kind. A form is known
    by writing it, which takes a tenth of a second; calibration and search behind it take minutes."""
    require_known(graph)
    program_bytes(graph, FileForm())


def program_bytes(graph: Graph, form: FileForm) -> bytes:
    """The file of a graph: lr (1, H, W, 3) -> sr.

    Raises InputError for an operator or a form of it that has none in LiteRT here.
    """
    facts = graph_facts(graph)
    program = Program(facts, form.weights)
    source, result = graph.model.graph.input[0].name, graph.model.graph.output[0].name
    given = _input(program, source, form.image)
    for node in facts.nodes:
        write = OPERATORS.get(node.kind)
        if write is None:
            raise BackendError(f"no LiteRT form is known for {node.kind} ({node.name}); add it to operators.py")
        write(program, node)
    made = _output(program, result, form.image)
    return program.model.finish({source: given}, {result: made}, form.texts, ABOUT)


def _input(program: Program, name: str, image: bool) -> int:
    """The tile, whose bytes become reals first where pictures are taken."""
    shape = program.shapes[name]
    if not image:
        program.values[name] = program.new(name, shape, last=True)
        return program.values[name].tensor
    pixels = program.new(name, shape, last=True, kind="uint8", steps=PIXELS)
    program.values[name] = program.new(f"{name}/reals", shape, last=True)
    options = program.model.schema.DequantizeOptionsT()
    program.model.operator("DEQUANTIZE", (pixels.tensor,), (program.values[name].tensor,), options)
    return pixels.tensor


def _output(program: Program, name: str, image: bool) -> int:
    """The upscaled tile; as a picture rounded and kept within 0 to 255."""
    made = program.channels_last(name)
    program.model.rename(made.tensor, f"{name}/reals" if image else name)
    if not image:
        return made.tensor
    pixels = program.new(name, made.shape, last=True, kind="uint8", steps=PIXELS)
    program.model.operator("QUANTIZE", (made.tensor,), (pixels.tensor,), program.model.schema.QuantizeOptionsT())
    return pixels.tensor
