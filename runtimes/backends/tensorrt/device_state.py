"""In which state an NVIDIA device measures: power mode, clocks, temperatures, driver. Read, never changed.

What the tools print differs between boards and versions; a tool that is missing or prints something else leaves its
entries out. Formats: NVIDIA's Jetson Linux developer guide (nvpmodel, jetson_clocks, tegrastats).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

RELEASE = Path("/etc/nv_tegra_release")
Run = Callable[[Sequence[str], float], str]
_QUERY = ("name", "driver_version", "clocks.sm", "clocks.mem", "power.limit", "temperature.gpu", "persistence_mode")


def device_state(run: Run | None = None, release: Path = RELEASE) -> dict[str, str]:
    """Name -> value for this machine; empty where there is no NVIDIA device. Takes up to two seconds on Jetson."""
    ask = run or _run
    state: dict[str, str] = {}
    if release.is_file():
        state |= parse_release(release.read_text(errors="replace"))
        state |= parse_nvpmodel(ask(("nvpmodel", "-q"), 5.0))
        state |= parse_jetson_clocks(ask(("jetson_clocks", "--show"), 5.0))
        state |= parse_tegrastats(ask(("tegrastats", "--interval", "500"), 1.6))
        return state
    return parse_nvidia_smi(ask(("nvidia-smi", f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader"), 10.0))


def parse_release(text: str) -> dict[str, str]:
    """`# R36 (release), REVISION: 4.3, ...` -> Jetson Linux 36.4.3."""
    found = re.search(r"# R(\d+) \(release\), REVISION: ([\d.]+)", text)
    return {"jetson_linux": f"{found[1]}.{found[2]}"} if found else {}


def parse_nvpmodel(text: str) -> dict[str, str]:
    """`NV Power Mode: MAXN` and its number on the next line."""
    found = re.search(r"NV Power Mode:\s*(\S+)(?:\s+(\d+))?", text)
    if not found:
        return {}
    return {"power_mode": f"{found[1]} ({found[2]})" if found[2] else found[1]}


def parse_jetson_clocks(text: str) -> dict[str, str]:
    """GPU and memory clocks, and whether they are held: `GPU MinFreq=... MaxFreq=... CurrentFreq=...`."""
    state = {}
    for name, part in (("GPU", "gpu"), ("EMC", "memory")):
        found = re.search(rf"^{name} MinFreq=(\d+) MaxFreq=(\d+) CurrentFreq=(\d+)", text, re.MULTILINE)
        if found:
            low, high, now = (int(value) for value in found.groups())
            state[f"{part}_clock_mhz"] = f"{now / 1e6:.0f}"
            state[f"{part}_clock"] = "held" if low == high else f"free up to {high / 1e6:.0f} MHz"
    if found := re.search(r"FAN.*?(?:PWM|speed)\S*?=(\d+)", text, re.IGNORECASE):
        state["fan_pwm"] = found[1]
    return state


def parse_tegrastats(text: str) -> dict[str, str]:
    """The last line: `RAM 2448/7620MB ... EMC_FREQ 0%@2133 GR3D_FREQ 0%@[611] ... gpu@45C ... VDD_IN 4000mW/4000mW`."""
    lines = [line for line in text.splitlines() if "RAM " in line]
    if not lines:
        return {}
    line, state = lines[-1], {}
    patterns = {
        "ram_mb": r"RAM (\d+/\d+)MB",
        "memory_freq_mhz": r"EMC_FREQ \d+%@(\d+)",
        "gpu_freq_mhz": r"GR3D_FREQ \d+%@\[?(\d+)",
        "gpu_celsius": r"(?:gpu|GPU)@([\d.]+)C",
        "cpu_celsius": r"(?:cpu|CPU)@([\d.]+)C",
        "power_mw": r"(?:VDD_IN|POM_5V_IN) (\d+)mW?/",
    }
    for name, pattern in patterns.items():
        if found := re.search(pattern, line):
            state[name] = found[1]
    return state


def parse_nvidia_smi(text: str) -> dict[str, str]:
    """One line of comma-separated values; only the first GPU, the one that is measured."""
    values = [value.strip() for value in text.strip().split("\n")[0].split(",")]
    if len(values) != len(_QUERY):
        return {}
    known = dict(zip(_QUERY, values, strict=True))
    return {f"nvidia_{key.replace('.', '_')}": value for key, value in known.items() if value and "N/A" not in value}


def _run(command: Sequence[str], timeout_s: float) -> str:
    """What a tool prints; the empty text where it is missing or fails. tegrastats never ends by itself."""
    found = shutil.which(command[0])
    if found is None:
        return ""
    with suppress(OSError):
        process = subprocess.Popen(
            [found, *command[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        try:
            return process.communicate(timeout=timeout_s)[0]
        except subprocess.TimeoutExpired:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=2.0)[0]
            process.kill()
            return process.communicate()[0]
    return ""
