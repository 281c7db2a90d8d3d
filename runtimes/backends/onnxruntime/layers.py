"""What ONNX Runtime really runs: the graph that it optimized a model to, and the kernels of one profiled run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

from dlgsanet.errors import UnavailableError
from runtimes.backends.onnxruntime.provider import Provider
from runtimes.file_formats.onnx_file import OnnxFacts, read_facts
from runtimes.runner.tiling import Array
from runtimes.runner.work_by_precision import Layer, convolution_macs, count_fault, product_macs

Event = Mapping[str, Any]  # of the profiler: whatever it writes
_KERNEL = "_kernel_time"
_TYPES = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "uint8": "int8", "int8": "int8"}
_CONVOLUTIONS = ("Conv", "FusedConv", "NhwcFusedConv", "QLinearConv", "ConvInteger")
_PRODUCTS = ("MatMul", "FusedMatMul", "QLinearMatMul", "MatMulInteger")


def integer_precision(source: OnnxFacts, optimized: bytes | None) -> str:
    """`int8` where every quantized convolution became an integer kernel in the graph that ONNX Runtime made of the
    model; how many of them where some did; else `fp32`: Q/DQ pairs that are not fused only round, and compute in fp32.

    Raises UnavailableError where the provider leaves no graph to look at.
    """
    if optimized is None:
        raise UnavailableError("whether integer kernels run can be seen on CPUExecutionProvider only: use --device CPU")
    integer = read_facts(optimized).operators.get("QLinearConv", 0)
    wanted = source.quantized
    return (count_fault(wanted, integer) or "int8") if wanted and integer else "fp32"


def profiled(
    ort: ModuleType, model: bytes | str, options: Any, provider: Provider, inputs: Mapping[str, Array]
) -> list[Event]:
    """The events of one run of `model` in a session of its own, as ONNX Runtime's profiler wrote them."""
    with tempfile.TemporaryDirectory() as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = provider.session(ort, model, options)
        session.run(None, dict(inputs))
        events: list[Event] = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        return events


def layers(events: Sequence[Event], weights: Mapping[str, tuple[int, ...]], convolutions: int) -> list[Layer]:
    """Every convolution and matrix product among the kernels that ran, with the precision of its input; nothing where
    not all `convolutions` of the model are found, since a part would pass for all.

    `weights`: shapes by the names of the model's convolutions or of their outputs. Kernels are named after these, with
    something behind; those named after nothing of the kind are ONNX Runtime's own, such as a product with a constant
    as a depthwise convolution. Shapes in the profile are padded, so only the number of pixels is taken from there.
    """
    found, products = [], []
    for event in events:
        name, told = str(event.get("name", "")), event.get("args", {})
        kind = told.get("op_name")
        if not name.endswith(_KERNEL) or kind not in (*_CONVOLUTIONS, *_PRODUCTS):
            continue
        ((type_, left),) = told["input_type_shape"][0].items()
        ((_, out),) = told["output_type_shape"][0].items()
        precision = _TYPES.get(type_, type_)
        if kind in _PRODUCTS:
            products.append(Layer(precision, product_macs(left, out)))
        elif weight := _of(name.removesuffix(_KERNEL), weights):
            channels = weight[0] if kind == "QLinearConv" else out[1]  # its channels may be last, and are not padded
            found.append(Layer(precision, convolution_macs(weight, prod(out) // channels)))
    return [*found, *products] if len(found) == convolutions else []


def _of(kernel: str, weights: Mapping[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """The weight of the convolution whose name the kernel's begins with, the longest such name."""
    while kernel:
        if kernel in weights:
            return weights[kernel]
        kernel = kernel.rpartition("_")[0]
    return None
