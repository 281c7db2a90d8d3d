"""What this machine has: CPU threads for this process, and what a device of an engine is."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError


@dataclass(frozen=True)
class Device:
    """One device of one engine; `precisions` are those it runs natively, named as in artifact ids. `fault`: why it does
    not compute after all."""

    name: str
    description: str
    precisions: tuple[str, ...]
    fault: str = ""


def available_threads() -> int:
    """Physical cores that this process may use: affinity and container quota respected, never below 1."""
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(_cpus()))
    cores = {_core(cpu) for cpu in affinity}
    quota = _cgroup_quota()
    return max(1, min(len(cores), quota) if quota else len(cores))


def require_threads(threads: int | None) -> None:
    """Raise InputError for more threads than this machine can run at once, where an engine would crawl; None is all
    that this process may use."""
    if threads is not None and (type(threads) is not int or not 1 <= threads <= _cpus()):
        raise InputError(f"expected 1 to {_cpus()} threads, as this machine has processors, found {threads!r}")


def _cpus() -> int:
    return os.cpu_count() or 1


def _core(cpu: int) -> str:
    """Name the physical core of a logical CPU by its siblings; where the system says nothing, by itself."""
    siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return siblings.read_text() if siblings.is_file() else str(cpu)


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """CPUs granted by a container's quota (cgroup v2, then v1), rounded up; None without a quota."""
    v2 = root / "cpu.max"
    v1 = [root / "cpu" / f"cpu.cfs_{part}_us" for part in ("quota", "period")]
    if v2.is_file():
        quota, period = v2.read_text().split()[:2]
    elif all(path.is_file() for path in v1):
        quota, period = (path.read_text().strip() for path in v1)
    else:
        return None
    if quota in ("max", "-1") or int(period) <= 0:
        return None
    return -(-int(quota) // int(period))


def overflows_int8(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this is an x86 processor without VNNI. Engines multiply INT8 there by an instruction that adds pairs of
    products in 16 bits, which large ones overflow. False where the system does not say what the processor has."""
    flags = _first_processor(info).get("flags", "").split()
    return bool(flags) and not {"avx_vnni", "avx512_vnni"}.intersection(flags)


def cpu_name(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as the system gives it. Where that has no number, as on virtual machines ("AMD EPYC" is
    said of processors with bf16 and without AVX-512), its family and model go along."""
    said = _first_processor(info)
    name = said.get("model name") or platform.processor() or platform.machine() or "unknown"
    if "cpu family" not in said or any(letter.isdigit() for letter in name):
        return name
    return f"{name} (family {said['cpu family']}, model {said.get('model', 'unknown')})"


def cpu_with_instructions(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name and all instructions that the system says it has: virtual machines of one name may have
    other ones."""
    said = _first_processor(info)
    return f"{cpu_name(info)}: {said.get('flags') or said.get('features', '')}"


def this_machine() -> tuple[str, str]:
    """The processor and the system, for the key of what is kept: code that was compiled here runs where both are."""
    return cpu_with_instructions(), platform.platform()


def _first_processor(info: Path) -> dict[str, str]:
    """What the system says of it, by name in small letters; empty where it says nothing."""
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    # Of a name that stands in every processor's block, the first is the last to be put in.
    return {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
