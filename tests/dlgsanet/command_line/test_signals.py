"""A polite end is an interrupt."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from dlgsanet.command_line.signals import ENDING, ends_like_ctrl_c

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")


@pytest.mark.parametrize("number", ENDING)
def test_the_first_interrupts_and_more_do_not_disturb_the_clearing(number: int) -> None:
    cleared = False
    with pytest.raises(KeyboardInterrupt), ends_like_ctrl_c():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)
            cleared = True
    assert cleared
    assert signal.getsignal(number) == signal.SIG_DFL


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_like_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_change_nothing() -> None:
    found = []

    def look() -> None:
        with ends_like_ctrl_c():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
