"""What a figure depends on besides the artifact: the machine and its software, without names of hosts or
people."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from dlgsanet import __version__
from runtimes.backends.interface.backend import Backend
from runtimes.backends.registry import backends
from runtimes.backends.tensorrt.device_state import device_state
from runtimes.machine.memory import total_bytes
from runtimes.machine.power import governor
from runtimes.machine.processor import available_threads, cpu_name

_PACKAGES = ("numpy", "pillow", "onnx", "nncf")  # besides the engines
# Those that decide which precision is fast; a list of all flags would hide them.
_INSTRUCTION_SETS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16",
    "amx_int8", "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve",
)  # fmt: skip
_CPUINFO = Path("/proc/cpuinfo")
_BUSY = 0.5
"""Load per core from which other work is said to disturb a latency."""


@dataclass(frozen=True)
class Environment:
    """One machine. `threads` are the physical cores that this process may use, `memory_gb` is 10^9 bytes.

    `governor`, `device_state`, `load_average` (one minute, before measuring) and `running` (processes on a core at that
    moment) are circumstances of one measurement; everything else identifies the machine.
    """

    project: str
    machine: str
    cpu: str
    cores: int
    threads: int
    instruction_sets: tuple[str, ...]
    memory_gb: float
    system: str
    architecture: str
    python: str
    packages: Mapping[str, str]
    governor: str | None = None
    load_average: float | None = None
    running: int | None = None
    device_state: Mapping[str, str] = field(default_factory=dict)
    """Of an NVIDIA device: power mode, clocks, temperatures, driver (runtimes.backends.tensorrt.device_state); empty
    elsewhere."""

    def line(self) -> str:
        """The machine and its software, for a terminal."""
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        return f"{self.machine}: {self.cpu}, {self.threads} cores, {self.system}, Python {self.python}; {packages}"

    def identity(self) -> tuple[object, ...]:
        """Equal for two files measured on one machine with one set of software."""
        packages = tuple(sorted(self._computing().items()))
        return (
            self.machine, self.cpu, self.cores, self.threads, self.instruction_sets, self.memory_gb,
            self.system, self.architecture, self.python, self.project, packages,
        )  # fmt: skip

    @property
    def is_unnamed(self) -> bool:
        """Whether it has the name that a machine gets without --machine."""
        return self.machine == default_name(self.cpu, self.threads)

    def differences(self, other: Environment) -> list[str]:
        """What makes them two machines, beside their names: `numpy 2.4 and 2.5`."""
        pairs: dict[str, tuple[object, object]] = {
            name.replace("_", " "): (getattr(self, name), getattr(other, name))
            for name in ("cpu", "cores", "threads", "memory_gb", "system", "architecture", "python", "project")
        }
        one, two = (" ".join(it.instruction_sets) or "none" for it in (self, other))
        pairs["instruction sets"] = one, two
        mine, others = self._computing(), other._computing()
        for name in sorted({*mine, *others}):
            pairs[name] = mine.get(name, "none"), others.get(name, "none")
        return [f"{name} {one} and {two}" for name, (one, two) in pairs.items() if one != two]

    def lacking(self, other: Environment) -> list[str] | None:
        """Packages that one of both lacks, where nothing else but the names of the machines differs, else None: what
        was not installed computed nothing, so the other figures are of one machine."""
        mine, others = self._computing(), other._computing()
        common = mine.keys() & others.keys()
        one, two = (replace(it, packages={name: it.packages[name] for name in common}) for it in (self, other))
        return None if one.differences(two) else sorted(mine.keys() ^ others.keys())

    def _computing(self) -> dict[str, str]:
        """The packages without those that compute nothing here, as a model server's client."""
        silent = _modules(lambda backend: backend.runner is None)
        return {name: version for name, version in self.packages.items() if name not in silent}

    @property
    def busy(self) -> str | None:
        """One line when other work disturbed the measurement, else None."""
        if self.load_average is None or self.load_average <= _BUSY * self.threads:
            return None
        return (
            f"this machine is busy (load {self.load_average:.1f} on {self.threads} cores): "
            "expect wide intervals, or measure again when it is idle"
        )


def default_name(cpu: str, threads: int) -> str:
    """What a machine is called without --machine."""
    return f"{cpu}, {threads} {'core' if threads == 1 else 'cores'}"


def describe_environment(machine: str | None = None) -> Environment:
    """Describe this machine; `machine` is what the user calls it, by default board or processor and its
    cores."""
    cpu, threads = _board() or cpu_name(), available_threads()
    return Environment(
        project=__version__,
        machine=machine or default_name(cpu, threads),
        cpu=cpu,
        cores=os.cpu_count() or threads,
        threads=threads,
        instruction_sets=_instruction_sets(),
        memory_gb=round((total_bytes() or 0) / 1e9, 1),
        system=_system(),
        architecture=platform.machine(),
        python=platform.python_version(),
        packages=package_versions(),
        governor=governor(),
        load_average=_load_average(),
        running=_running(),
        device_state=device_state(),
    )


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that a figure may depend on."""
    found = {}
    for name in _packages():
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an absent backend is a fact too: its name is missing from the table
    return found


def _packages() -> tuple[str, ...]:
    return (*_PACKAGES, *_modules(lambda _: True))


def _modules(wanted: Callable[[Backend], bool]) -> tuple[str, ...]:
    """The packages of the engines of such backends."""
    found = (entry for entry in backends().values() if isinstance(entry, Backend) and wanted(entry))
    return tuple(entry.engine.module.replace("_", "-") for entry in found)


def _board() -> str | None:
    """The name of an ARM board or Mac: its processor alone says little."""
    model = Path("/proc/device-tree/model")
    if model.is_file():
        return model.read_text(errors="replace").strip("\x00 \n")
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    return None


def _sysctl(key: str) -> str | None:
    done = subprocess.run(["/usr/sbin/sysctl", "-n", key], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _instruction_sets() -> tuple[str, ...]:
    if not _CPUINFO.is_file():
        return ()
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", _CPUINFO.read_text(errors="replace"), re.MULTILINE)
    present = set(line.group(1).split()) if line else set()
    return tuple(name for name in _INSTRUCTION_SETS if name in present)


def _system() -> str:
    if sys.platform.startswith("linux"):
        try:
            distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
        except OSError:
            distribution = "Linux"
        return f"{distribution}, kernel {platform.release().split('-')[0]}"
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.release()}"


def _load_average() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _running() -> int | None:
    """Threads on a core right now besides this one (fourth field of /proc/loadavg)."""
    path = Path("/proc/loadavg")
    if not path.is_file():
        return None
    return max(0, int(path.read_text().split()[3].partition("/")[0]) - 1)
