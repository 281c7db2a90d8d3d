"""What TensorRT refuses, or accepts and gets wrong, found in an ONNX file before any of NVIDIA's code runs.

Needs NumPy alone: export runs it on what it writes, a device on what it is about to build. The traps and the versions
they were seen in are in docs/studies/tensorrt.md.
"""

from __future__ import annotations

from runtimes.backends.tensorrt.lint.rules import RULES, Fault
from runtimes.backends.tensorrt.lint.rules_quantized import QUANTIZED_RULES
from runtimes.file_formats.onnx_graph import read_graph, tensor_types
from runtimes.runner.contract import UnfitError


def lint(data: bytes) -> tuple[Fault, ...]:
    """Every fault of an ONNX file; none is good. Raises InputError for bytes that are no ONNX model."""
    graph = read_graph(data)
    types = tensor_types(graph)
    return tuple(fault for rule in (*RULES, *QUANTIZED_RULES) for fault in rule(graph, types))


def require_clean(data: bytes, name: str) -> None:
    """Raise UnfitError with the first fault (and how many there are) of an ONNX file called `name`."""
    faults = lint(data)
    if faults:
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UnfitError(f"{name}: {faults[0]}{more}")
