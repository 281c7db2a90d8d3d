"""What this machine can run, proved: every engine computes a tiny network in a process of its own.

A process of its own, since an engine with broken libraries may take the whole process down, and since this
package imports no torch. `python -m runtimes.doctor ENGINE` is that process: it prints one JSON object.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import packages_distributions, version
from typing import Any

from dlgsanet.errors import BackendError
from runtimes.backends.engines import BACKENDS
from runtimes.machine.processor import Device, available_threads, cpu_name
from runtimes.probe_network import TOLERANCE, example, expected

SCHEMA = 1
TIMEOUT_S = 120.0
ON_MACOS = "installed; Core ML itself runs on macOS only, `check` judges its packages with an interpreter"
OK, MISSING, BROKEN, NO_RUNNER, BUILDS = "ok", "missing", "broken", "no runner", "builds"


@dataclass(frozen=True)
class Engine:
    """One row of the doctor's table: `module` is imported to probe it, `role` says what it is needed for."""

    name: str
    module: str
    extra: str
    role: str
    has_runner: bool = True


ENGINES = (
    Engine("onnxruntime", "onnxruntime", "onnxruntime", "runs onnxruntime-* artifacts"),
    Engine("openvino", "openvino", "openvino", "runs openvino-* artifacts"),
    Engine("torch", "torch", "torch", "the reference: export, train, upscale --model"),
    Engine("coreml", "coremltools", "coreml", "runs coreml-* artifacts, on macOS", has_runner=sys.platform == "darwin"),
    Engine("tensorrt", "tensorrt", "", "builds and runs tensorrt-* artifacts on this GPU"),
    Engine("tensorrt-rtx", "tensorrt_rtx", "tensorrt-rtx", "compiles tensorrt-rtx-* anywhere, runs them on its GPU"),
)


@dataclass(frozen=True)
class Finding:
    """What was found about one engine; `note` says why it does not run, or how to get it."""

    name: str
    status: str
    version: str | None
    devices: tuple[Device, ...]
    role: str
    note: str


# Run by `python -c`: this package must not import torch.
_TORCH_PROBE = """
import json, sys
import torch
x, w, y = (torch.tensor(v) for v in json.load(sys.stdin))
devices = ["cpu"]
devices += [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
devices += ["mps"] if torch.backends.mps.is_available() else []
found = []
for name in devices:
    conv = torch.nn.functional.conv2d(x.to(name), w.to(name), padding=1)
    sr = torch.nn.functional.pixel_shuffle(conv, 2).cpu()
    assert torch.allclose(sr, y, atol=float(sys.argv[1])), f"{name} computes a wrong result"
    label = torch.cuda.get_device_name(name) if name.startswith("cuda") else name
    found.append({"name": name, "description": label, "precisions": ["fp32"]})
print(json.dumps(found))
"""


def examine(engine: Engine, timeout_s: float = TIMEOUT_S) -> Finding:
    """Probe one engine. Never raises for an engine that is missing, broken or hangs: the finding says so."""
    found = _version(engine.module)
    if importlib.util.find_spec(engine.module) is None:
        install = f'pip install "dlgsanet-edge[{engine.extra}]"' if engine.extra else BACKENDS[engine.name].advice
        return Finding(engine.name, MISSING, None, (), engine.role, install)
    if not engine.has_runner:
        return Finding(engine.name, NO_RUNNER, found, (), engine.role, ON_MACOS)
    try:
        devices = _probe(engine, timeout_s)
    except BackendError as error:
        return Finding(engine.name, BROKEN, found, (), engine.role, str(error))
    if isinstance(devices, str):
        return Finding(engine.name, BUILDS, found, (), engine.role, devices)
    return Finding(engine.name, OK, found, devices, engine.role, "")


def _version(module: str) -> str | None:
    """The version of whichever distribution brings `module` (onnxruntime or onnxruntime-gpu, for example)."""
    owners = packages_distributions().get(module, [])
    return version(owners[0]) if owners else None


def _probe(engine: Engine, timeout_s: float) -> tuple[Device, ...] | str:
    """Run the engine's probe in a process of its own: its devices, or what it can do without one. Raises BackendError
    with the last thing that it said."""
    from runtimes.probe_network import weight

    by_torch = engine.name == "torch"
    arguments = ["-c", _TORCH_PROBE, str(TOLERANCE)] if by_torch else ["-m", "runtimes.doctor", engine.name]
    given = json.dumps([array.tolist() for array in (example(), weight(), expected())]) if by_torch else ""
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BackendError(f"the probe did not end within {timeout_s:g} s") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise BackendError(f"the probe ended with {done.returncode}: {said[-1] if said else 'no message'}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if isinstance(found, str):
        return found
    return tuple(Device(item["name"], item["description"], tuple(item["precisions"])) for item in found)


def examine_all(progress: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Probe every engine; return the doctor's report as plain data (its JSON form). `progress` gets each
    name."""
    findings = []
    for engine in ENGINES:
        if progress is not None:
            progress(engine.name)
        findings.append(asdict(examine(engine)))
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "threads": available_threads(),
        "memory_mb": _memory_mb(),
    }
    return {"schema": SCHEMA, "machine": machine, "backends": findings}


def _memory_mb() -> int | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


PROBES = {
    "onnxruntime": "runtimes.backends.onnxruntime.probe",
    "openvino": "runtimes.backends.openvino.probe",
    "coreml": "runtimes.backends.coreml.probe",
    "tensorrt": "runtimes.backends.tensorrt.probe",
    "tensorrt-rtx": "runtimes.backends.tensorrt.probe",
}


def main(name: str) -> None:
    """Probe engine `name` in this process and print its devices as JSON; any failure ends the process."""
    probe = importlib.import_module(PROBES[name]).probe
    module = {engine.name: engine.module for engine in ENGINES}[name]
    devices = probe(importlib.import_module(module))
    plain = devices if isinstance(devices, str) else [asdict(device) for device in devices]
    sys.stdout.write(json.dumps(plain) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
