"""SIGTERM and SIGHUP end a verb as Ctrl-C does: what is half done is cleared away, and the exit code is 130."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def ends_like_ctrl_c() -> Iterator[None]:
    """While the block runs, the first of these signals raises KeyboardInterrupt; clearing away is not disturbed by
    more of them. What was ignored before, as under nohup, stays so. For the main thread; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise KeyboardInterrupt

    changed = {number: end for number in ENDING if signal.getsignal(number) == signal.SIG_DFL}
    for number, handler in changed.items():
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def over() -> None:
    """The exit code stands: what is asked of the process while Python and its libraries end changes nothing more."""
    for number in (signal.SIGINT, *ENDING):
        signal.signal(number, signal.SIG_IGN)
