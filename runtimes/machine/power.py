"""Energy, mains or battery, the frequency governor and temperatures, as the system tells them; the one place that
asks. What a system does not tell is absent, never a guess.

Formats: the kernel's `powercap`, `power_supply`, `thermal` and `cpufreq` in /sys, NVIDIA's tegrastats, and what Apple's
powermetrics (`--samplers cpu_power,gpu_power,ane_power`) writes as text.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dlgsanet.errors import InputError
from dlgsanet.storage.regular import open_regular
from runtimes.machine.clock import now_ms

SYS = Path("/sys")
TEGRASTATS = "tegrastats"
_EVERY_S = 30.0
"""RAPL's counters turn over, at 100 W after 45 minutes: they are read this often."""
NOT_TOLD = "not told by this system"
_COMBINED = re.compile(r"^Combined Power \(CPU \+ GPU(?: \+ ANE)?\): (\d+) mW", re.MULTILINE)
_MOST_LOG = 256 << 20
_INPUT_RAIL = re.compile(r"\b(?:VDD_IN|POM_5V_IN|VIN_SYS_5V0) (\d+)(?:mW)?/(\d+)")

Supply = Literal["mains", "battery"]


def supply(root: Path = SYS) -> Supply | None:
    """What the machine runs on; None where the system does not tell."""
    parts = [
        {name: text for name in ("type", "online", "status") if (text := _text(part / name)) is not None}
        for part in sorted((root / "class/power_supply").glob("*"))
    ]
    if any(it.get("online") == "1" and it.get("type") != "Battery" for it in parts):
        return "mains"
    batteries = [it.get("status") for it in parts if it.get("type") == "Battery"]
    if "Discharging" in batteries:
        return "battery"
    return "mains" if batteries or any("online" in it for it in parts) else None


def temperatures(root: Path = SYS) -> dict[str, float]:
    """Degrees Celsius of every thermal zone, by its type; of several of one type the hottest."""
    found: dict[str, float] = {}
    for zone in sorted((root / "class/thermal").glob("thermal_zone*")):
        name, value = _text(zone / "type"), _number(zone / "temp")
        if name is not None and value is not None:
            found[name] = max(value / 1e3, found.get(name, value / 1e3))
    return found


def governor(root: Path = SYS) -> str | None:
    """How the processor's frequency is chosen; of several, all of them. None where the system does not tell."""
    found = (_text(path) for path in sorted((root / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")))
    return ", ".join(dict.fromkeys(filter(None, found))) or None


@dataclass(frozen=True)
class Energy:
    """Joules of what `source` covers; None where nothing tells it, and `source` says so."""

    joules: float | None
    source: str


class EnergyMeter:
    """Counts from its beginning to `read`. `slowest_s`: so long it needs before it can tell anything."""

    slowest_s = 0.0

    def read(self) -> Energy:
        """What was used so far."""
        return Energy(None, NOT_TOLD)


@contextmanager
def energy_meter(root: Path = SYS, tegrastats: str = TEGRASTATS, log: Path | None = None) -> Iterator[EnergyMeter]:
    """The meter that this machine has, running: RAPL's counters of the processors, or a Jetson's input rail; with `log`
    what powermetrics or tegrastats write to that file meanwhile, and nothing else. Raises InputError for a file that
    cannot be read."""
    if log is not None:
        yield _Log(log)
        return
    counters = [path for path in _rapl(root) if _number(path / "energy_uj") is not None]
    if counters:
        with _Rapl(counters).running() as rapl:
            yield rapl
        return
    try:
        process = subprocess.Popen(
            (tegrastats, "--interval", "500"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        yield EnergyMeter()
        return
    try:
        yield _InputRail(process)
    finally:
        process.kill()
        process.wait()


class _Rapl(EnergyMeter):
    """Counters in microjoules that start again at their range; they are renewed every millisecond."""

    slowest_s = 0.5

    def __init__(self, counters: list[Path]) -> None:
        self._last = {path: _number(path / "energy_uj") or 0.0 for path in counters}
        self._used_uj = 0.0
        self._lock = threading.Lock()
        self._names = ", ".join(_text(path / "name") or path.name for path in counters)

    @contextmanager
    def running(self) -> Iterator[_Rapl]:
        """Reads the counters now and then, so that none turns over twice unseen."""
        end = threading.Event()

        def look() -> None:
            while not end.wait(_EVERY_S):
                self.read()

        threading.Thread(target=look, daemon=True).start()
        try:
            yield self
        finally:
            end.set()

    def read(self) -> Energy:
        with self._lock:
            for path, before in self._last.items():
                now = _number(path / "energy_uj")
                if now is None:
                    continue
                turned = (_number(path / "max_energy_range_uj") or 0.0) if now < before else 0.0
                self._used_uj += now - before + turned
                self._last[path] = now
            return Energy(self._used_uj / 1e6, f"RAPL: {self._names}")


class _InputRail(EnergyMeter):
    """The mean power of a Jetson's input since the tool began, times the time."""

    slowest_s = 2.0

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._start = now_ms()
        self._mean_mw: float | None = None
        threading.Thread(target=self._follow, args=(process,), daemon=True).start()

    def _follow(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if found := _INPUT_RAIL.search(line):
                self._mean_mw = float(found[2])

    def read(self) -> Energy:
        if self._mean_mw is None:
            return super().read()
        return Energy(self._mean_mw / 1e3 * (now_ms() - self._start) / 1e3, "tegrastats: the input of the board")


class _Log(EnergyMeter):
    """The mean of the powers that another program has written to a file since the beginning, times the time."""

    slowest_s = 3.0

    def __init__(self, path: Path) -> None:
        self._path, self._start = path, now_ms()
        try:
            self._size = path.stat().st_size
            self._read()
        except OSError as error:
            raise InputError(
                f"cannot read the log of power {path}: {error.strerror}; give the file that powermetrics or tegrastats "
                "writes to now"
            ) from error

    def _read(self) -> str:
        with open_regular(self._path) as stream:
            stream.seek(self._size)
            return stream.read(_MOST_LOG).decode(errors="replace")

    def read(self) -> Energy:
        try:
            text = self._read()
        except OSError:
            return super().read()
        apple, jetson = _COMBINED.findall(text), [now for now, _ in _INPUT_RAIL.findall(text)]
        powers = [float(it) for it in apple or jetson]
        if not powers:
            return Energy(None, f"nothing was written to {self._path.name} meanwhile")
        source = "powermetrics: CPU, GPU and Neural Engine" if apple else "tegrastats: the input of the board"
        return Energy(sum(powers) / len(powers) / 1e3 * (now_ms() - self._start) / 1e3, source)


def _rapl(root: Path) -> list[Path]:
    """The counters of whole processors: their parts, and the platform around them, would count twice."""
    found = sorted((root / "class/powercap").glob("intel-rapl:*"))
    return [path for path in found if path.name.count(":") == 1 and _text(path / "name") != "psys"]


def _text(path: Path) -> str | None:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return None


def _number(path: Path) -> float | None:
    """None also for what only root may read."""
    with suppress(ValueError):
        return float(_text(path) or "")
    return None


def said(temperatures: Mapping[str, float]) -> str:
    """`x86_pkg_temp 51 °C, acpitz 40 °C`."""
    return ", ".join(f"{name} {value:.0f} °C" for name, value in temperatures.items()) or NOT_TOLD
