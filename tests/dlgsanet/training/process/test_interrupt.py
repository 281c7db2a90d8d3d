"""Stopping between steps: one request waits, a second Ctrl-C does not, torchrun's SIGTERM after a Ctrl-C does."""

from __future__ import annotations

import os
import signal

import pytest

from dlgsanet.training.process.interrupt import stop_between_steps


def test_the_first_request_waits_and_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_between_steps() as stop:
        assert not stop.requested
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
    with stop_between_steps() as stop:
        os.kill(os.getpid(), signal.SIGHUP)  # the terminal was closed
        assert stop.requested
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_ctrl_c_stops_at_once_but_sigterm_after_it_waits() -> None:
    with stop_between_steps() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_closed_terminal_is_not_heard_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_between_steps() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)
