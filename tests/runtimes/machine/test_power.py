"""What a system tells of power, on trees that stand in for /sys: the machines of these tests tell nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from runtimes.machine import power
from runtimes.machine.power import Energy, energy_meter, governor, said, supply, temperatures


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = root / "class" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{text}\n")
    return root


ON_MAINS = {"power_supply/AC/type": "Mains", "power_supply/AC/online": "1"}
OFF_MAINS = {"power_supply/AC/type": "Mains", "power_supply/AC/online": "0"}
FULL = {"power_supply/BAT0/type": "Battery", "power_supply/BAT0/status": "Full"}
EMPTYING = {"power_supply/BAT0/type": "Battery", "power_supply/BAT0/status": "Discharging"}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (ON_MAINS | FULL, "mains"),
        (ON_MAINS | EMPTYING, "mains"),
        (OFF_MAINS | EMPTYING, "battery"),
        (EMPTYING, "battery"),
        (FULL, "mains"),
        ({}, None),
    ],
)
def test_mains_or_battery(tmp_path: Path, files: dict[str, str], told: str | None) -> None:
    assert supply(put(tmp_path, files)) == told


def test_temperatures_are_by_zone_in_degrees(tmp_path: Path) -> None:
    zones = {
        "thermal/thermal_zone0/type": "acpitz",
        "thermal/thermal_zone0/temp": "27800",
        "thermal/thermal_zone1/type": "x86_pkg_temp",
        "thermal/thermal_zone1/temp": "51000",
        "thermal/thermal_zone2/type": "x86_pkg_temp",
        "thermal/thermal_zone2/temp": "48000",
        "thermal/thermal_zone3/type": "iwlwifi",
        "thermal/thermal_zone3/temp": "",
    }
    found = temperatures(put(tmp_path, zones))
    assert found == {"acpitz": 27.8, "x86_pkg_temp": 51.0}
    assert said(found) == "acpitz 28 °C, x86_pkg_temp 51 °C"
    assert temperatures(tmp_path / "nothing") == {} and said({}) == "not told by this system"


def counter(number: str, name: str, microjoules: int) -> dict[str, str]:
    place = f"powercap/intel-rapl:{number}"
    return {f"{place}/name": name, f"{place}/energy_uj": str(microjoules), f"{place}/max_energy_range_uj": "1000000"}


def test_energy_is_what_the_processors_counters_gain_also_over_their_end(tmp_path: Path) -> None:
    parts = counter("0:0", "core", 7) | counter("2", "psys", 7)
    put(tmp_path, counter("0", "package-0", 100_000) | counter("1", "package-1", 900_000) | parts)
    with energy_meter(tmp_path) as meter:
        assert meter.read().joules == 0
        put(
            tmp_path,
            counter("0", "package-0", 350_000) | counter("1", "package-1", 100_000) | counter("0:0", "core", 9),
        )
        assert meter.read().joules == pytest.approx(0.25 + 0.2)
        assert meter.read().source == "RAPL: package-0, package-1"


def test_a_jetson_tells_the_power_of_its_input(tmp_path: Path) -> None:
    tool = tmp_path / "tegrastats"
    line = "RAM 3500/30697MB CPU [5%@729] VDD_GPU_SOC 1598mW/1598mW VDD_IN 4000mW/5000mW"
    tool.write_text(f"#!/bin/sh\necho '{line}'\nexec sleep 60\n")
    tool.chmod(0o755)
    with energy_meter(tmp_path, str(tool)) as meter:
        start = time.monotonic()
        while (read := meter.read()).joules is None and time.monotonic() < start + 10:
            time.sleep(0.01)
    assert read.joules is not None and 0 < read.joules <= 5 * (time.monotonic() - start + 1)
    assert read.source.startswith("tegrastats")


def test_what_nothing_tells_is_said(tmp_path: Path) -> None:
    with energy_meter(tmp_path, str(tmp_path / "no-such-tool")) as meter:
        assert meter.read().joules is None and meter.read().source == "not told by this system"


def test_the_governor_of_all_cores(tmp_path: Path) -> None:
    assert governor(tmp_path) is None
    for core, name in enumerate(("powersave", "powersave", "performance")):
        place = tmp_path / f"devices/system/cpu/cpu{core}/cpufreq"
        place.mkdir(parents=True)
        (place / "scaling_governor").write_text(f"{name}\n")
    assert governor(tmp_path) == "powersave, performance"


APPLE = """*** Sampled system activity (Thu Nov  5 14:02:31 2026 -0800) (501.21ms elapsed) ***

**** Processor usage ****

CPU Power: {cpu} mW
GPU Power: 20 mW
ANE Power: 0 mW
Combined Power (CPU + GPU + ANE): {both} mW
"""
JETSON = "11-05-2026 14:02:31 RAM 3500/30697MB CPU [5%@729] VDD_GPU_SOC 1598mW/1598mW VDD_IN {now}mW/9000mW\n"


@pytest.mark.parametrize(
    ("old", "new", "watts", "source"),
    [
        (
            APPLE.format(cpu=9000, both=9020),
            APPLE.format(cpu=980, both=1000) + APPLE.format(cpu=2980, both=3000),
            2,
            "power",
        ),
        (JETSON.format(now=9000), JETSON.format(now=4000) + JETSON.format(now=6000) + "11-05-2026 14:0", 5, "tegra"),
    ],
)
def test_a_log_that_others_write_tells_what_was_written_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, watts: float, source: str
) -> None:
    log, clock = tmp_path / "power.log", [1000.0]
    monkeypatch.setattr(power, "now_ms", lambda: clock[0])
    log.write_text(old)
    with energy_meter(tmp_path, "no-such-tool", log) as meter:
        assert meter.slowest_s > 0
        assert meter.read() == Energy(None, "nothing was written to power.log meanwhile")
        with log.open("a") as stream:
            stream.write(new)
        clock[0] += 4000.0
        read = meter.read()
    assert read.joules == pytest.approx(4 * watts) and read.source.startswith(source)


def test_a_log_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"cannot read the log of power .*; give the file"),
        energy_meter(tmp_path, "no", tmp_path / "missing"),
    ):
        pass
    with pytest.raises(InputError, match="it is a folder"), energy_meter(tmp_path, "no", tmp_path):
        pass
