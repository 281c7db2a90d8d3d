"""What a system tells of power, on trees that stand in for /sys: the machines of these tests tell nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runtimes.machine.power import energy_meter, said, supply, temperatures


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
