"""What this machine can run, proved: every engine computes a tiny network in a process of its own.

A process of its own, since an engine with broken libraries may take the whole process down, and since this
package imports no torch. `python -m runtimes.doctor` is that process.
"""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version

from dlgsanet.errors import EdgeError, UnavailableError
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.backends.interface.backend import Backend
from runtimes.backends.registry import backends, find_backend
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.machine.memory import total_bytes
from runtimes.machine.processor import Device, available_threads, cpu_name

SCHEMA = 1
TIMEOUT_S = 120.0
OK, MISSING, BROKEN, NO_RUNNER, BUILDS = "ok", "missing", "broken", "no runner", "builds"


@dataclass(frozen=True)
class Probed:
    """What the probe's process answers: devices that compute, or what the engine can do without one."""

    devices: tuple[Device, ...]
    builds: str = ""


@dataclass(frozen=True)
class Finding:
    """What was found about one engine; `note` says why it does not run, or how to get it."""

    name: str
    status: str
    version: str | None
    devices: tuple[Device, ...]
    role: str
    note: str


@dataclass(frozen=True)
class Machine:
    """Where it was found; `memory_mb` in MiB, None where the system does not say."""

    system: str
    python: str
    cpu: str
    threads: int
    memory_mb: int | None


@dataclass(frozen=True)
class Report:
    """The doctor's report; as plain data (`dataclasses.asdict`) its JSON form."""

    schema: int
    machine: Machine
    backends: tuple[Finding, ...]


def examine(backend: Backend, timeout_s: float = TIMEOUT_S) -> Finding:
    """Probe one engine. Never raises for an engine that is missing, broken or hangs: the finding says so."""
    engine = backend.engine
    found = _version(engine.module)
    if importlib.util.find_spec(engine.module.partition(".")[0]) is None:
        install = f'pip install "dlgsanet-edge[{engine.extra}]"' if engine.extra else engine.advice
        return Finding(engine.name, MISSING, None, (), backend.role, install)
    if backend.idle_here:
        return Finding(engine.name, NO_RUNNER, found, (), backend.role, backend.idle_here)
    try:
        told = ask(Job("runtimes.doctor", engine.name, "the probe", timeout_s))
    except EdgeError as error:
        return Finding(engine.name, BROKEN, found, (), backend.role, str(error))
    probed = decode(Probed, told, "the probe")
    return Finding(engine.name, BUILDS if probed.builds else OK, found, probed.devices, backend.role, probed.builds)


def examine_all(progress: Callable[[str], None] | None = None) -> Report:
    """Probe every engine, those of other packages last. `progress` gets each name."""
    findings = []
    for name, backend in backends().items():
        if progress is not None:
            progress(name)
        if isinstance(backend, Backend):
            findings.append(examine(backend))
        else:
            findings.append(Finding(name, BROKEN, None, (), "", str(backend)))
    memory = total_bytes()
    machine = Machine(
        system=platform.platform(),
        python=platform.python_version(),
        cpu=cpu_name(),
        threads=available_threads(),
        memory_mb=None if memory is None else memory >> 20,
    )
    return Report(SCHEMA, machine, tuple(findings))


def require_runner(report: Report) -> None:
    """Raise UnavailableError where no engine that runs artifacts works."""
    runners = [name for name, entry in backends().items() if isinstance(entry, Backend) and entry.runner is not None]
    if not any(row.status == OK for row in report.backends if row.name in runners):
        raise UnavailableError(f"no backend that runs artifacts works here ({', '.join(runners)}); see above")


def _version(module: str) -> str | None:
    """The version of whichever distribution brings `module` (onnxruntime or onnxruntime-gpu, for example)."""
    owners = packages_distributions().get(module, [])
    return version(owners[0]) if owners else None


def probe_here(name: object, say: Say) -> object:
    """Probe the engine of a backend in this process; any failure is an error."""
    backend = find_backend(str(name))
    found = backend.probe(backend.engine.load())
    return to_json(Probed((), found) if isinstance(found, str) else Probed(found))


if __name__ == "__main__":
    serve(probe_here)
