"""What NVIDIA's tools print, as their manuals show it, becomes the record's facts; what is missing is left out."""

from __future__ import annotations

from runtimes.backends.tensorrt.device_state import (
    _run,
    device_state,
    parse_jetson_clocks,
    parse_nvidia_smi,
    parse_nvpmodel,
    parse_release,
    parse_tegrastats,
)

RELEASE = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC"
NVPMODEL = "NV Power Mode: MAXN_SUPER\n2\n"
CLOCKS = """SOC family:tegra234  Machine:NVIDIA Jetson Orin Nano
cpu0: Online=1 Governor=schedutil MinFreq=1510400 MaxFreq=1510400 CurrentFreq=1510400 IdleStates: WFI=0 c7=0
GPU MinFreq=306000000 MaxFreq=624750000 CurrentFreq=306000000
EMC MinFreq=2133000000 MaxFreq=2133000000 CurrentFreq=2133000000 FreqOverride=1
FAN Dynamic Speed Control=nvfancontrol hwmon0_pwm1=66
"""
TEGRASTATS = (
    "11-24-2026 10:00:00 RAM 2448/7620MB (lfb 4x4MB) SWAP 0/3810MB (cached 0MB) CPU [2%@1510,0%@1510] EMC_FREQ 0%@2133 "
    "GR3D_FREQ 13%@[611] cpu@47.8C soc2@46.5C gpu@48.2C tj@48.2C VDD_IN 4967mW/4967mW VDD_CPU_GPU_CV 768mW/768mW"
)


def test_jetson_tools():
    assert parse_release(RELEASE) == {"jetson_linux": "36.4.3"}
    assert parse_nvpmodel(NVPMODEL) == {"power_mode": "MAXN_SUPER (2)"}
    assert parse_jetson_clocks(CLOCKS) == {
        "gpu_clock_mhz": "306", "gpu_clock": "free up to 625 MHz", "memory_clock_mhz": "2133", "memory_clock": "held",
        "fan_pwm": "66",
    }  # fmt: skip
    assert parse_tegrastats(f"{TEGRASTATS.replace('48.2', '40')}\n{TEGRASTATS}\n") == {
        "ram_mb": "2448/7620", "memory_freq_mhz": "2133", "gpu_freq_mhz": "611", "gpu_celsius": "48.2",
        "cpu_celsius": "47.8", "power_mw": "4967",
    }  # fmt: skip


def test_nvidia_smi():
    found = parse_nvidia_smi("NVIDIA RTX A4000, 580.65.06, 1560 MHz, 7000 MHz, 140.00 W, 45, [N/A]\n")
    assert found["nvidia_name"] == "NVIDIA RTX A4000" and found["nvidia_clocks_sm"] == "1560 MHz"
    assert "nvidia_persistence_mode" not in found
    assert parse_nvidia_smi("") == parse_nvidia_smi("NVIDIA-SMI has failed, because\n") == {}


def test_what_prints_nothing_leaves_nothing():
    for parse in (parse_release, parse_nvpmodel, parse_jetson_clocks, parse_tegrastats):
        assert parse("") == parse("command not found\n") == {}


def test_a_jetson_is_asked_by_its_own_tools(tmp_path):
    release = tmp_path / "nv_tegra_release"
    release.write_text(RELEASE)
    answers = {"nvpmodel": NVPMODEL, "jetson_clocks": CLOCKS, "tegrastats": TEGRASTATS}
    state = device_state(lambda command, timeout: answers[command[0]], release)
    assert (
        state["jetson_linux"] == "36.4.3" and state["power_mode"].startswith("MAXN") and state["gpu_celsius"] == "48.2"
    )
    assert device_state(lambda command, timeout: "", tmp_path / "none") == {}


def test_a_tool_that_never_ends_is_ended_and_heard(tmp_path, monkeypatch):
    tool = tmp_path / "tegrastats"
    tool.write_text("#!/bin/sh\necho RAM 1/2MB\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert _run(("tegrastats", "--interval", "500"), 0.3) == "RAM 1/2MB\n"
    assert _run(("no-such-tool",), 1.0) == ""
