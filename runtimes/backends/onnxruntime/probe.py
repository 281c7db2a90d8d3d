"""`doctor` on ONNX Runtime: the tiny network on every execution provider."""

from __future__ import annotations

from types import ModuleType

from dlgsanet.errors import BackendError
from runtimes.backends.onnxruntime.devices import onnxruntime_devices
from runtimes.machine.processor import Device
from runtimes.probe_network import MODEL, example, require_right


def probe(ort: ModuleType) -> tuple[Device, ...]:
    """Compute on every execution provider of this build, without fallback."""
    devices = onnxruntime_devices(ort)
    for device in devices:
        prove(ort, device.name)
    return devices


def prove(ort: ModuleType, provider: str) -> None:
    """Compute on one execution provider. Raises BackendError for a wrong result, else whatever the engine raises."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(MODEL.read_bytes(), options, providers=[provider], enable_fallback=0)
    if session.get_providers()[0] != provider:
        raise BackendError(f"{provider} is listed but cannot be used")
    require_right(session.run(["sr"], {"lr": example()})[0], provider)
