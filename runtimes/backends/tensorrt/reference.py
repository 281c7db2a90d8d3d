"""`tensorrt-reference`: the ONNX that a TensorRT engine is built from, computed on a CPU to judge its numbers.

It is no device and no engine. What the file says is taken strictly: each operation is computed in fp32 and its result
is rounded once to the type that the file gives it; integers are those that QuantizeLinear makes. ONNX Runtime does not
do that of itself: with all optimizations disabled its CPU still runs chains of fp16 operators in fp32 and rounds at
their ends only, so every rounding is written into the graph as a pair of casts. An engine may add in another order, or
keep more digits inside a fused kernel.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.metadata import version
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME
from runtimes.backends.onnxruntime.provider import CPU
from runtimes.backends.onnxruntime.session import ON_CPU, Session, quiet_options, refused, run_tile
from runtimes.backends.tensorrt import REFERENCE, REFERENCE_FP16_SCALES, TENSORRT
from runtimes.backends.tensorrt.lint.lint import require_clean
from runtimes.bundle.integrity import read_verified
from runtimes.bundle.manifest import Artifact
from runtimes.file_formats.onnx_file import tensor_names, with_outputs
from runtimes.file_formats.onnx_graph import Graph, read_graph, tensor_types
from runtimes.machine.processor import available_threads
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.ports import require_host_ports, require_port, require_taps
from runtimes.runner.tiling import Array
from runtimes.runner.work_by_precision import Layer, by_precision, convolution_macs, product_macs

FILES = {REFERENCE: ".onnx", REFERENCE_FP16_SCALES: ".fp16-scales.onnx"}
_HALF, _SINGLE = 10, 1  # TensorProto.DataType


class TensorRTReference(Runner):
    """Computes one file of a tensorrt artifact, by its device name."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle, self._artifact, self._options = bundle, artifact, options
        self._session: Session | None = None
        self._data = b""

    def _open(self) -> RunInfo:
        artifact, device = self._artifact, self._options.device
        require_host_ports(artifact, hints=())
        path = artifact.path.removesuffix(".onnx") + FILES[device]
        if path not in artifact.files:
            raise InputError(f"{artifact.id}: it has no '{path}'; {REFERENCE_FP16_SCALES} is for int8 artifacts")
        data = read_verified(self._bundle, path, artifact.files[path])
        taps = self._options.taps
        require_taps(artifact.id, taps, tensor_names(data) if taps else ())
        require_clean(data, path)  # which also refuses external data: nothing else is read
        self._data, graph = data, read_graph(data)
        for port, found in ((artifact.input, graph.inputs), (artifact.output, graph.outputs)):
            require_port(artifact.id, port, {each.name: each.dims for each in found})
        threads = self._options.threads or available_threads()
        ort = ONNXRUNTIME.load()
        _import_onnx()  # said as missing here, not as a fault of the file
        try:
            self._session = ort.InferenceSession(
                with_outputs(rounding_written_out(data), taps), _exact(ort, threads), providers=[CPU]
            )
        except Exception as error:
            raise refused(f"{artifact.id}: ONNX Runtime cannot load it: {error}", ON_CPU) from error
        return RunInfo(
            artifact=artifact.id,
            backend=TENSORRT.name,
            device=device,
            requested_precision=artifact.precision,
            reported_precision=precision_of(graph),
            threads=threads,
            versions={ONNXRUNTIME.name: ort.__version__, "numpy": version("numpy")},
        )

    def _infer(self, tile: Array) -> Array:
        assert self._session is not None
        return run_tile(self._session, self._artifact, tile)

    def _inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        assert self._session is not None
        names = self._options.taps
        sr, *inside = self._session.run([self._artifact.output.name, *names], {self._artifact.input.name: tile})
        return sr, dict(zip(names, inside, strict=True))

    def macs(self) -> dict[str, int]:
        """By the types that the file states: what an engine makes of them, the reference cannot know."""
        return by_precision(declared_work(self._data)) if self._data else {}

    def _close(self) -> None:
        self._session, self._data = None, b""


def precision_of(graph: Graph) -> str:
    """The precision that the file asks for, as in artifact ids: int8 where convolutions read integers, else the type
    that every convolution has, or `mixed`."""
    types = tensor_types(graph)
    convolutions = [node for node in graph.nodes if node.kind == "Conv"]
    for node in convolutions:
        maker = graph.maker(node.inputs[0])
        if maker is not None and maker.kind == "DequantizeLinear":
            return "int8"
    found = {types[node.outputs[0]] for node in convolutions}
    return found.pop() if len(found) == 1 else "mixed"


def declared_work(data: bytes) -> Iterator[Layer]:
    """Every convolution and matrix product of the file; `int8` are those that read a dequantized input."""
    onnx = _import_onnx()
    inferred = onnx.shape_inference.infer_shapes(onnx.load_from_string(data), strict_mode=True).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in inferred.initializer}
    for value in (*inferred.value_info, *inferred.input, *inferred.output):
        shapes[value.name] = tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
    graph = read_graph(data)
    types = tensor_types(graph)
    for node in graph.nodes:
        left, out = node.first, node.outputs[0]
        maker = graph.maker(left)
        precision = "int8" if maker is not None and maker.kind == "DequantizeLinear" else types[left]
        if node.kind == "Conv":
            yield Layer(precision, convolution_macs(shapes[node.inputs[1]], prod(shapes[out][2:])))
        elif node.kind == "MatMul":
            yield Layer(precision, product_macs(shapes[left], shapes[out]))


def rounding_written_out(data: bytes) -> bytes:
    """The same model in fp32, with a cast to fp16 and back behind everything that the file has in fp16.

    Raises UnavailableError without the onnx package.
    """
    onnx = _import_onnx()
    types = tensor_types(read_graph(data))
    halves = {name for name, kind in types.items() if kind == "fp16"}
    model = onnx.load_from_string(data)
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.name in halves:
            wide = onnx.numpy_helper.to_array(tensor).astype("float32")  # exact
            tensor.CopyFrom(onnx.numpy_helper.from_array(wide, tensor.name))
    nodes = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.t.data_type == _HALF:
                wide = onnx.numpy_helper.to_array(attribute.t).astype("float32")
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(wide))
        if node.op_type == "Cast" and node.output[0] not in halves:
            _set_target(node, types[node.output[0]])
        nodes.append(node)
        for index, name in enumerate(node.output):
            if name in halves:
                exact, half = f"{name}.exact", f"{name}.half"
                if node.op_type == "Cast":
                    node.op_type = "Identity"
                    del node.attribute[:]
                node.output[index] = exact
                nodes.append(onnx.helper.make_node("Cast", [exact], [half], name=half, to=_HALF))
                nodes.append(onnx.helper.make_node("Cast", [half], [name], name=f"{name}.round", to=_SINGLE))
    made = onnx.helper.make_graph(nodes, graph.name, graph.input, graph.output, graph.initializer)
    written: bytes = onnx.helper.make_model(
        made, opset_imports=model.opset_import, ir_version=model.ir_version
    ).SerializeToString()
    return written


def _set_target(node: Any, kind: str) -> None:
    """A cast from what was fp16 to fp32 has nothing left to do."""
    if kind == "fp32":
        node.op_type = "Identity"
        del node.attribute[:]


def _exact(ort: ModuleType, threads: int) -> object:
    """No optimization: fused kernels would compute past the roundings, and folding would change the integers."""
    options = quiet_options(ort, threads, resting=True)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _import_onnx() -> ModuleType:
    try:
        for name in ("onnx.helper", "onnx.numpy_helper", "onnx.shape_inference"):
            importlib.import_module(name)
        return importlib.import_module("onnx")
    except ImportError as error:
        raise UnavailableError(
            f'{REFERENCE} needs the onnx package ({error}); install it: pip install "dlgsanet-edge[export]"'
        ) from error
