"""The thread count respects what the process may use."""

from __future__ import annotations

import os

import pytest

from dlgsanet.errors import InputError
from runtimes.machine import processor as devices
from runtimes.machine.processor import available_threads, cpu_name, cpu_with_instructions, require_threads


def test_threads_are_at_most_the_affinity():
    assert 1 <= available_threads() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize("threads", [0, -1, 5, 999, "2", 2.0, True])
def test_more_threads_than_processors_are_refused(monkeypatch, threads):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    with pytest.raises(InputError, match=f"expected 1 to 4 threads.*found {threads!r}"):
        require_threads(threads)
    for allowed in (None, 1, 4):
        require_threads(allowed)


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


@pytest.mark.parametrize(
    ("model_name", "name"),
    [
        ("AMD EPYC", "AMD EPYC (family 25, model 1)"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763 64-Core Processor"),
    ],
)
def test_the_cpu_has_a_name_that_tells_it_from_others(tmp_path, model_name, name):
    block = f"processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: {model_name}\n\n"
    (tmp_path / "cpuinfo").write_text(block + block.replace("processor\t: 0", "processor\t: 1"))
    assert cpu_name(tmp_path / "cpuinfo") == name
    assert cpu_name(tmp_path / "none")


@pytest.mark.parametrize("word", ["flags\t", "Features"])
def test_processors_of_one_name_are_told_apart_by_their_instructions(tmp_path, word):
    told = []
    for more in ("", " avx512f"):
        (tmp_path / "cpuinfo").write_text(f"model name\t: CPU 7\n{word}\t: fpu avx2{more}\n")
        told.append(cpu_with_instructions(tmp_path / "cpuinfo"))
    assert told == ["CPU 7: fpu avx2", "CPU 7: fpu avx2 avx512f"]


@pytest.mark.parametrize(
    ("text", "overflows"),
    [
        ("flags\t\t: fpu avx2 fma\n", True),
        ("flags\t\t: fpu avx2 avx512_vnni\n", False),
        ("flags\t\t: fpu avx2 avx_vnni\n", False),
        ("Features\t: fp asimd asimddp\n", False),
        (None, False),
    ],
)
def test_int8_overflows_on_x86_without_vnni(tmp_path, text, overflows):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(f"processor: 0\n{text}")
    assert devices.overflows_int8(tmp_path / "cpuinfo") is overflows
