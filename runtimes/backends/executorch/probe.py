"""`doctor` on ExecuTorch: the tiny network on the CPU."""

from __future__ import annotations

from runtimes.backends.executorch.method import OpenMethod
from runtimes.machine.processor import Device, cpu_name
from runtimes.probe_network import MODEL, example, require_right

FILE = MODEL.with_suffix(".pte")
"""The same network as ExecuTorch has it, for XNNPACK."""

CPU = "CPU"


def probe() -> tuple[Device, ...]:
    """Compute on the CPU. INT8 is as the engine says: this network has none."""
    prove()
    return (Device(CPU, cpu_name(), ("fp32", "int8")),)


def prove() -> None:
    """Raises BackendError for a wrong result, else whatever the engine raises."""
    require_right(OpenMethod(FILE.read_bytes(), 1).run(example()), CPU)
