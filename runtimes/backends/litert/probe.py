"""`doctor` on LiteRT: the tiny network on the CPU."""

from __future__ import annotations

from runtimes.backends.litert.interpreter import open_interpreter
from runtimes.machine.processor import Device, cpu_name
from runtimes.probe_network import MODEL, example, require_right

FILE = MODEL.with_suffix(".tflite")
"""The same network as LiteRT has it."""

CPU = "CPU"


def probe() -> tuple[Device, ...]:
    """Compute on the CPU. INT8 is as the engine says: this network has none."""
    prove()
    return (Device(CPU, cpu_name(), ("fp32", "int8")),)


def prove() -> None:
    """Raises BackendError for a wrong result, else whatever the engine raises."""
    interpreter = open_interpreter(FILE.read_bytes(), 1)
    interpreter.set_tensor(int(interpreter.get_input_details()[0]["index"]), example().transpose(0, 2, 3, 1).copy())
    interpreter.invoke()
    found = interpreter.get_tensor(int(interpreter.get_output_details()[0]["index"]))
    require_right(found.transpose(0, 3, 1, 2), CPU)
