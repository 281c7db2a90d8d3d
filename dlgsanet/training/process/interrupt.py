"""Stopping a run between two steps: a half-done step must not be what a resumed run goes on from."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class StopRequest:
    """Remembers that the user (Ctrl-C), the machine (SIGTERM) or a closed terminal (SIGHUP) asked to stop."""

    def __init__(self) -> None:
        self.requested = False
        self._asked_by_user = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: the first request waits for the step's end, a second Ctrl-C stops at once.

        SIGTERM is never that second one: after a Ctrl-C torchrun sends it to every process of its own accord.
        """
        if self._asked_by_user and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
        self._asked_by_user = self._asked_by_user or number == signal.SIGINT


@contextmanager
def stop_between_steps() -> Iterator[StopRequest]:
    """While the block runs, SIGINT, SIGTERM and SIGHUP only leave a request; what is ignored, as SIGHUP under nohup,
    stays so. For the main thread."""
    request = StopRequest()
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    heard = [number for number in known if signal.getsignal(number) != signal.SIG_IGN]
    previous = [signal.signal(number, request.receive) for number in heard]
    try:
        yield request
    finally:
        for number, handler in zip(heard, previous, strict=True):
            signal.signal(number, handler)
