"""Which kernels an engine is made of, from TensorRT's detailed layer lines: counted by type and data type.

The lines come from a VERBOSE log of a build with ProfilingVerbosity.DETAILED, and need no GPU, or from the inspector
of the engine. Both write the same fields; a tensor's type is `Format/Datatype` in TensorRT, `Datatype` in TensorRT-RTX.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dlgsanet.storage.typed_json import Whole, decode
from runtimes.runner.work_by_precision import Layer, by_precision, convolution_macs, product_macs

_TYPES = (
    ("int8", "int8"), ("half", "fp16"), ("fp16", "fp16"), ("bf16", "bf16"), ("bfloat16", "bf16"), ("float", "fp32"),
    ("fp32", "fp32"), ("int32", "int32"), ("int64", "int64"), ("bool", "bool"),
)  # fmt: skip
_DIMENSIONS = re.compile(r"Dimensions: \[([-\d,]*)\]")
_DATATYPE = re.compile(r"(?:Format/)?Datatype: ([^,}]*)")
_ONNX = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_MEMORY = re.compile(r"Total (Activation|Weights) Memory: (\d+) bytes")
_STREAM = ("wait", "signal")
"""Layer types that compute nothing: they hold one stream until another has come so far."""

OTHER = "other"


@dataclass(frozen=True)
class Tensor:
    """Shape and data type, named as in artifact ids."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Kernel:
    """One fused kernel: `kind` as the engine calls it, `onnx` the ONNX nodes that went into it."""

    name: str
    kind: str
    inputs: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    onnx: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        """What it computes on: the type of its first input, or of what it makes from nothing."""
        return next((tensor.dtype for tensor in (*self.inputs, *self.outputs)), OTHER)

    @property
    def is_convolution(self) -> bool:
        return self.kind == "correlation" or "conv" in self.kind.lower()

    @property
    def is_grouped(self) -> bool:
        """A grouped or depthwise convolution: its weights have fewer input channels than its input."""
        weight = next((tensor.shape for tensor in self.constants if len(tensor.shape) == 4), None)
        return weight is not None and bool(self.inputs) and weight[1] < self.inputs[0].shape[1]

    @property
    def macs(self) -> int:
        """Multiply-adds of a convolution or a product; 0 for anything else, and where shapes are not told."""
        weight = next((tensor.shape for tensor in self.constants if len(tensor.shape) == 4), None)
        out = next((tensor.shape for tensor in self.outputs), ())
        if self.is_convolution and weight is not None and len(out) == 4:
            return convolution_macs(weight, out[0] * out[2] * out[3])
        if self.kind == "gemm" and self.inputs and min(len(self.inputs[0].shape), len(out)) > 1 and out[-2] > 0:
            return product_macs(self.inputs[0].shape, out)
        return 0

    @property
    def requantizes(self) -> bool:
        """It computes nothing in INT8 and hands INT8 on: the price of a quantized neighbour."""
        return not self.is_convolution and any(tensor.dtype == "int8" for tensor in self.outputs)


@dataclass(frozen=True)
class StoredKernels:
    """`KernelTable.as_json`, as a record must hold it."""

    total: Whole
    kernels: Mapping[str, Whole]
    dense_convolutions: Mapping[str, Whole]
    grouped_convolutions: Mapping[str, Whole]
    waits: Whole
    signals: Whole
    requantize: Whole
    weight_bytes: Whole | None
    activation_bytes: Whole | None
    macs: Mapping[str, Whole]


@dataclass(frozen=True)
class KernelTable:
    """`kernels`: "<type> <data type>" -> count; `dense`, `grouped`: convolutions by data type. Bytes of weights and of
    activations are None where the log does not tell."""

    kernels: Mapping[str, int]
    dense: Mapping[str, int]
    grouped: Mapping[str, int]
    waits: int
    signals: int
    requantize: int
    weight_bytes: int | None
    activation_bytes: int | None
    macs: Mapping[str, int]
    """Multiply-adds of convolutions and products by data type, as far as the lines tell shapes."""

    @property
    def total(self) -> int:
        """Kernels that compute something."""
        return sum(self.kernels.values())

    @property
    def precision(self) -> str | None:
        """The data type of most dense convolutions, or None where none is seen."""
        found = self.dense or self.grouped
        return max(found, key=lambda name: found[name]) if found else None

    @property
    def line(self) -> str:
        """The table in a line."""
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.kernels.items(), key=lambda it: -it[1]))
        parts = [f"{self.total} kernels ({counts})", f"{self.requantize} of them requantize"]
        parts.append(f"{self.waits + self.signals} waits and signals")
        for name, size in (("weights", self.weight_bytes), ("activations", self.activation_bytes)):
            parts += [] if size is None else [f"{name} {size / 1e6:.1f} MB"]
        return ", ".join(parts)

    def as_json(self) -> dict[str, object]:
        return {
            "total": self.total,
            "kernels": dict(sorted(self.kernels.items())),
            "dense_convolutions": dict(sorted(self.dense.items())),
            "grouped_convolutions": dict(sorted(self.grouped.items())),
            "waits": self.waits,
            "signals": self.signals,
            "requantize": self.requantize,
            "weight_bytes": self.weight_bytes,
            "activation_bytes": self.activation_bytes,
            "macs": dict(sorted(self.macs.items())),
        }

    @classmethod
    def from_json(cls, value: object) -> KernelTable:
        """The table that `as_json` made. Raises InputError for anything else."""
        found = decode(StoredKernels, value, "kernels")
        return cls(
            kernels=found.kernels,
            dense=found.dense_convolutions,
            grouped=found.grouped_convolutions,
            waits=found.waits,
            signals=found.signals,
            requantize=found.requantize,
            weight_bytes=found.weight_bytes,
            activation_bytes=found.activation_bytes,
            macs=found.macs,
        )


def parse_log(lines: Iterable[str]) -> tuple[list[Kernel], dict[str, int]]:
    """Kernels and memory ("activation", "weights", in bytes) that stand in lines of a builder's log."""
    kernels, memory = [], {}
    for line in lines:
        if (found := _MEMORY.search(line)) is not None:
            memory[found[1].lower()] = int(found[2])
        elif line.startswith("Name: ") and ", LayerType: " in line:
            kernels.append(_kernel(line))
    return kernels, memory


def parse_inspector(text: str) -> list[Kernel]:
    """Kernels in the JSON of `EngineInspector.get_engine_information`; none where the engine keeps no details."""
    layers = json.loads(text).get("Layers", [])
    return [_inspected(layer) for layer in layers if isinstance(layer, dict)]


def summary(kernels: Iterable[Kernel], memory: Mapping[str, int] | None = None) -> KernelTable:
    """Count them."""
    every = list(kernels)
    real = [kernel for kernel in every if kernel.kind not in _STREAM]
    convolutions = [kernel for kernel in real if kernel.is_convolution]
    memory = memory or {}
    return KernelTable(
        kernels=Counter(f"{kernel.kind} {kernel.dtype}" for kernel in real),
        dense=Counter(kernel.dtype for kernel in convolutions if not kernel.is_grouped),
        grouped=Counter(kernel.dtype for kernel in convolutions if kernel.is_grouped),
        waits=sum(kernel.kind == "wait" for kernel in every),
        signals=sum(kernel.kind == "signal" for kernel in every),
        requantize=sum(kernel.requantizes for kernel in real),
        weight_bytes=memory.get("weights"),
        activation_bytes=memory.get("activation"),
        macs=by_precision(Layer(kernel.dtype, kernel.macs) for kernel in real if kernel.macs),
    )


def largest_result(kernels: Iterable[Kernel]) -> int:
    """Elements of the largest tensor that a kernel writes."""
    return max((math.prod(tensor.shape) for kernel in kernels for tensor in kernel.outputs), default=0)


def _kernel(line: str) -> Kernel:
    head, _, rest = line.partition(", Inputs: [")
    name, _, kind = head.removeprefix("Name: ").partition(", LayerType: ")
    tensors, _, tail = rest.partition(", TacticName:")
    before, _, outputs = tensors.partition(", Outputs: [")
    inputs, _, constants = before.partition(", Constants: [")
    return Kernel(name, kind, _tensors(inputs), _tensors(constants), _tensors(outputs), tuple(_ONNX.findall(tail)))


def _tensors(text: str) -> tuple[Tensor, ...]:
    found = []
    for part in text.split("{")[1:]:
        shape, kind = _DIMENSIONS.search(part), _DATATYPE.search(part)
        sides = [int(side) for side in shape[1].split(",") if side] if shape else []
        found.append(Tensor(tuple(sides), _dtype(kind[1] if kind else "")))
    return tuple(found)


def _inspected(layer: Mapping[str, Any]) -> Kernel:
    sections = [layer.get(key, []) for key in ("Inputs", "Constants", "Outputs")]
    inputs, constants, outputs = (tuple(_inspected_tensor(item) for item in section) for section in sections)
    if not constants and isinstance(layer.get("Weights"), dict):
        constants = (Tensor(_weight_shape(layer), _dtype(str(layer["Weights"].get("Type", "")))),)
    onnx = tuple(_ONNX.findall(str(layer.get("Metadata", ""))))
    return Kernel(str(layer.get("Name")), str(layer.get("LayerType")), inputs, constants, outputs, onnx)


def _inspected_tensor(item: Mapping[str, Any]) -> Tensor:
    kind = item.get("Datatype", item.get("Format/Datatype", ""))
    return Tensor(tuple(item.get("Dimensions", ())), _dtype(str(kind)))


def _weight_shape(layer: Mapping[str, Any]) -> tuple[int, ...]:
    """TensorRT's own convolutions tell groups and the number of weights, so that the kernel's area is known."""
    outputs, groups = int(layer.get("OutMaps", 0)), int(layer.get("Groups", 1))
    channels = next((item.get("Dimensions", [0, 0])[1] for item in layer.get("Inputs", [])), 0)
    each = channels // max(groups, 1)
    area = int(layer["Weights"].get("Count", 0)) // max(outputs * each, 1)
    return (outputs, each, area, 1)


def _dtype(text: str) -> str:
    lowered = text.lower()
    return next((ours for theirs, ours in _TYPES if theirs in lowered), OTHER)
