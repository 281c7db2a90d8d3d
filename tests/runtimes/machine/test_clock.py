"""Interleaving: every round has every task once, the order turns, warm-up is not counted."""

from __future__ import annotations

import time

import pytest

from runtimes.machine.clock import now_ms, time_interleaved


def test_milliseconds():
    start = now_ms()
    time.sleep(0.02)
    assert 19 < now_ms() - start < 2000


def test_rounds_rotate_and_warm_up_is_dropped():
    order, rounds = [], []
    tasks = {name: (lambda name=name: order.append(name)) for name in "abc"}
    samples = time_interleaved(tasks, warmup=1, runs=3, progress=lambda: rounds.append(len(order)))
    assert "".join(order) == "abcbcacababc"
    assert rounds == [3, 6, 9, 12]
    assert {name: len(times) for name, times in samples.items()} == {"a": 3, "b": 3, "c": 3}


def test_samples_belong_to_their_task():
    samples = time_interleaved({"slow": lambda: time.sleep(0.01), "fast": lambda: None}, warmup=0, runs=4)
    assert min(samples["slow"]) > max(samples["fast"])
    assert min(samples["slow"]) >= 9


def test_nothing_to_time():
    assert time_interleaved({}, warmup=0, runs=2) == {}
    for warmup, runs in ((0, 0), (-1, 1)):
        with pytest.raises(ValueError, match="runs >= 1"):
            time_interleaved({"a": lambda: None}, warmup=warmup, runs=runs)
