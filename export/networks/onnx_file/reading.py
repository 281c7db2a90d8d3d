"""An ONNX file as a network with one picture in and one out, or a refusal that says what it is instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from dlgsanet.errors import InputError, shown
from dlgsanet.storage.regular import read_regular
from export.networks.onnx_file.contents import all_nodes, held_by, in_order, require_repeatable
from runtimes.bundle.foreign import Dtype, Layout

MOST_BYTES = 1 << 30
MOST_PIXELS = 1 << 24  # of the one size that a file may take
OPSETS = (11, 22)
STANDARD = ("", "ai.onnx")
CONTROL = ("If", "Loop", "Scan", "SequenceMap")
DTYPES: dict[int, Dtype] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "float32",  # as which it is run
}


@dataclass(frozen=True)
class FilePort:
    """An input or output: its name, and its sides as declared, None where they may change."""

    name: str
    dtype: Dtype
    sides: tuple[int | None, ...]


@dataclass(frozen=True)
class OnnxNetworkFile:
    """A file that may be a super-resolution network; nothing has been run."""

    model: onnx.ModelProto
    input: FilePort
    output: FilePort
    layout: Layout

    @property
    def fixed(self) -> tuple[int, int] | None:
        """Height and width, where the file takes only one size. Raises InputError where it fixes one side alone."""
        rows, cols = self.input.sides[2:] if self.layout == "NCHW" else self.input.sides[1:3]
        if rows is None and cols is None:
            return None
        if rows is None or cols is None:
            raise InputError(f"input {shown(self.input.name)} fixes one side of the picture alone: fix both, or none")
        if not 1 <= rows * cols <= MOST_PIXELS:
            raise InputError(
                f"expected a network for pictures of 1 to {MOST_PIXELS:,} pixels, found {rows}x{cols} alone: export it "
                "for tiles"
            )
        return rows, cols


def read_onnx(path: Path, domains: Sequence[str] = ()) -> OnnxNetworkFile:
    """Read and judge a file by what it declares; operators of these further `domains` are taken, too. Raises InputError
    naming what was found."""
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise InputError(f"cannot read {path.name}: {error.strerror}") from error
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf has errors of its own in each version
        raise InputError(f"{path.name} is no ONNX file: export the network again") from error
    if not model.ir_version:
        raise InputError(f"{path.name} is no ONNX file: export the network again")
    _require_plain(model, path.name, (*STANDARD, *domains))
    require_repeatable(model, path.name)
    given, made = _ports(model)
    return OnnxNetworkFile(in_order(model), given, made, _layout(given))


def _require_plain(model: onnx.ModelProto, name: str, domains: Sequence[str]) -> None:
    opset = max((it.version for it in model.opset_import if it.domain in STANDARD), default=0)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise InputError(f"{name}: expected operator set {OPSETS[0]} to {OPSETS[1]}, found {opset}: export it with one")
    local = {(it.domain, it.name) for it in model.functions}
    nodes = all_nodes(model)
    for node in nodes:
        what = f"{name}: node {shown(node.name or node.output[0])} is {shown(node.op_type)}"
        if node.op_type in CONTROL and node.domain in STANDARD:
            raise InputError(f"{what}, control flow that no backend here takes: export the network without it")
        if node.domain not in domains and (node.domain, node.op_type) not in local:
            raise InputError(f"{what} of {shown(node.domain)}, not a standard operator: export the network without it")
    for tensor in (*model.graph.initializer, *held_by(nodes)):
        if tensor.data_location == TensorProto.EXTERNAL:
            raise InputError(f"{name} keeps {shown(tensor.name)} in another file: save the network as one file")
        _require_finite(tensor, name)


def _require_finite(tensor: onnx.TensorProto, name: str) -> None:
    if tensor.data_type not in DTYPES:
        return
    try:
        values = numpy_helper.to_array(tensor).astype(np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}: {shown(tensor.name)} is damaged ({error}): get the file again") from error
    if not np.isfinite(values).all():
        raise InputError(f"{name}: {shown(tensor.name)} holds values that are not finite: get an undamaged file")


def _ports(model: onnx.ModelProto) -> tuple[FilePort, FilePort]:
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    for found, what in ((inputs, "input"), (model.graph.output, "output")):
        if len(found) != 1:
            names = ", ".join(shown(value.name) for value in found) or "none"
            raise InputError(f"expected a network of one {what}, a picture, found {len(found)}: {names}")
    given, made = _port(inputs[0], "input"), _port(model.graph.output[0], "output")
    return given, made


def _port(value: onnx.ValueInfoProto, what: str) -> FilePort:
    kind = value.type.tensor_type
    if kind.elem_type not in DTYPES:
        found = TensorProto.DataType.Name(kind.elem_type) if kind.elem_type else "no tensor"
        raise InputError(f"expected floats as {what} {shown(value.name)}, found {found}: is this an INT8 file?")
    sides = tuple(_side(side) for side in kind.shape.dim)
    if what == "input" and len(sides) != 4:
        raise InputError(f"expected a picture (1, 3, H, W) as {what} {shown(value.name)}, found {said(sides)}")
    return FilePort(value.name, DTYPES[kind.elem_type], sides)


def _side(dim: onnx.TensorShapeProto.Dimension) -> int | None:
    """None where it may change, which some write as -1."""
    return dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else None


def _layout(given: FilePort) -> Layout:
    if given.sides[0] not in (None, 1):
        raise InputError(f"expected one picture at a time, found {said(given.sides)}: export it with batch 1")
    planes, last = given.sides[1], given.sides[3]
    if planes == 3:
        return "NCHW"
    if last == 3:
        return "NHWC"
    if planes is None:  # nearly all are so, and one that is not fails when it is run
        return "NCHW"
    raise InputError(f"expected a picture of 3 channels as input {shown(given.name)}, found {said(given.sides)}")


def said(sides: Iterable[int | None]) -> str:
    return "(" + ", ".join("?" if side is None else str(side) for side in sides) + ")"
