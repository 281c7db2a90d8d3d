"""Devices are chosen by name, never by guess; the thread count respects what the process may use."""

from __future__ import annotations

import os

import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes.machine import processor as devices
from runtimes.machine.processor import available_threads, cpu_name, require_openvino_device, require_provider

PROVIDERS = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def test_providers():
    assert require_provider("CPU", PROVIDERS) == "CPUExecutionProvider"
    assert require_provider("cuda", PROVIDERS) == "CUDAExecutionProvider"
    assert require_provider("TensorrtExecutionProvider", PROVIDERS) == "TensorrtExecutionProvider"
    assert require_provider("GPU", PROVIDERS) == "CUDAExecutionProvider"
    with pytest.raises(UnavailableError, match=r"no device 'GPU'.*available: CPUExecutionProvider"):
        require_provider("GPU", PROVIDERS[2:])
    with pytest.raises(UnavailableError):
        require_provider("", PROVIDERS)


def test_openvino_names():
    assert require_openvino_device("cpu", ["CPU"]) == "CPU"
    assert require_openvino_device("GPU", ["CPU", "GPU.0", "GPU.1"]) == "GPU"
    assert require_openvino_device("GPU.1", ["CPU", "GPU.0", "GPU.1"]) == "GPU.1"
    with pytest.raises(UnavailableError, match=r"no device 'NPU'.*available: CPU"):
        require_openvino_device("NPU", ["CPU"])
    with pytest.raises(InputError, match="chooses by itself"):
        require_openvino_device("AUTO", ["CPU"])


def test_threads_are_at_most_the_affinity():
    assert 1 <= available_threads() <= len(os.sched_getaffinity(0))


def test_hyperthreads_count_once(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    monkeypatch.setattr(devices, "_core", lambda cpu: f"{cpu % 2}")
    monkeypatch.setattr(devices, "_cgroup_quota", lambda: None)
    assert available_threads() == 2
    monkeypatch.setattr(devices, "_cgroup_quota", lambda: 1)
    assert available_threads() == 1
    monkeypatch.setattr(devices, "_cgroup_quota", lambda: 64)
    assert available_threads() == 2


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "250000 100000\n"}, 3),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
    ],
)
def test_container_quota(tmp_path, files, quota):
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert devices._cgroup_quota(tmp_path) == quota


def test_the_cpu_has_a_name():
    assert cpu_name()
