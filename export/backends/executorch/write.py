"""ExecuTorch's file: `.pte`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dlgsanet.errors import InputError
from export.backends.backend import Order
from export.backends.executorch.lower import CORE_ML, VULKAN, Delegate, lower
from export.quantization.calibrated_graph import as_onnx
from export.targets.outputs import Written, make_place
from runtimes.backends.executorch.coreml_reference import DELEGATE as COREML_DELEGATE
from runtimes.backends.executorch.layers import require_whole
from runtimes.backends.executorch.vulkan_graph import require_vulkan


def write(order: Order) -> Written:
    """`executorch/<file>.pte` for XNNPACK, without metadata inside."""
    return _write(order, Delegate())


def write_coreml(order: Order) -> Written:
    """The same for Core ML. Raises InputError, naming them, where its delegate leaves operators: none is to compute
    elsewhere than it is said."""
    written = _write(order, Delegate(CORE_ML, half=True, oldest=order.target.deployment))
    try:
        require_whole((order.folder / written.path).read_bytes(), COREML_DELEGATE)
    except ValueError as error:
        raise _not_whole(order, error, "--to coreml") from error
    return written


def write_vulkan(order: Order) -> Written:
    """The same for Vulkan. Raises InputError as `write_coreml`, and for a program in another precision."""
    precision = order.target.precision
    written = _write(order, Delegate(VULKAN, half=precision == "fp16"))
    try:
        require_vulkan((order.folder / written.path).read_bytes(), precision)
    except ValueError as error:
        raise _not_whole(order, error, "--to executorch") from error
    return written


def _not_whole(order: Order, error: ValueError, other: str) -> InputError:
    backend = order.target.backend
    return InputError(f"{order.name}: {error}: export the network with {other}, or leave {backend} out of --to")


def _write(order: Order, delegate: Delegate) -> Written:
    graph = order.graph if order.quantization is None else as_onnx(order.quantization)
    path = make_place(order.folder, f"executorch/{order.file}.pte")
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "graph.onnx"
        source.write_bytes(graph.data)
        lower(source, order.folder / path, delegate)
    return Written(path, (path,))
