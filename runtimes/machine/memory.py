"""Memory of this machine and of this process, as the system tells it; the one place that asks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_STATUS = Path("/proc/self/status")
_CGROUP = Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 62


def total_bytes() -> int | None:
    """Memory of the machine."""
    return _pages("SC_PHYS_PAGES")


def available_bytes() -> int | None:
    """Memory that can still be had without swapping, within a container's limit; where the system does not tell, what
    the machine has."""
    told = _meminfo().get("MemAvailable")
    return total_bytes() if told is None else min(told, _container_bytes())


def available_with_swap_bytes() -> int | None:
    """Memory that can be had, swap included: what a long compilation may use."""
    told = _meminfo()
    return told.get("MemAvailable", 0) + told.get("SwapFree", 0) if told else _pages("SC_AVPHYS_PAGES")


def peak_rss_mb() -> float | None:
    """Largest resident memory of this process so far, in 10^6 bytes; None where the system does not say.

    Linux counts a parent's memory into a child's `ru_maxrss`, its VmHWM does not.
    """
    peak = _kilobytes(_STATUS).get("VmHWM")
    if peak is not None:
        return peak / 1e6
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return None


def limit_to_available(most: int = _NO_LIMIT) -> None:
    """Let this process take no more than what is available now, and than `most` bytes: a stranger's file that asks for
    more gets an error and the machine stays usable. Nothing happens where the system has no such limit."""
    available = available_bytes()
    if available is None or sys.platform in ("win32", "darwin"):
        return
    import resource

    used = _kilobytes(_STATUS).get("VmSize", 0)
    resource.setrlimit(resource.RLIMIT_AS, (used + min(available, most), resource.RLIM_INFINITY))


def _meminfo() -> dict[str, int]:
    return _kilobytes(_MEMINFO)


def _kilobytes(path: Path) -> dict[str, int]:
    """Bytes by name, of lines such as `MemAvailable:  123 kB`; empty where there is no such file."""
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    parts = [line.split() for line in lines if line.endswith("kB")]
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in parts if len(words) == 3}


def _pages(name: str) -> int | None:
    if not hasattr(os, "sysconf") or name not in os.sysconf_names:
        return None
    return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")


def _container_bytes() -> int:
    """What a container leaves us (cgroup v2); without a limit, a number no machine has."""
    limit, used = _CGROUP / "memory.max", _CGROUP / "memory.current"
    if limit.is_file() and used.is_file():
        text = limit.read_text(encoding="ascii").strip()
        if text.isdigit():
            return max(int(text) - int(used.read_text(encoding="ascii")), 0)
    return _NO_LIMIT
