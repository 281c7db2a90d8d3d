"""Asking again: a server that starts anew, or is busy, is waited for; a wrong question is not asked twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from dlgsanet.errors import UnavailableError
from runtimes.machine.clock import now_ms

Answer = TypeVar("Answer")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


class NoAnswerError(UnavailableError):
    """The server is not there, is starting, or is too busy: the same question may be answered later."""


@dataclass(frozen=True)
class Patience:
    """For how long a question is asked again, at growing distances. All questions are free of effects."""

    seconds: float

    def wait_for(self, ask: Callable[[], Answer], stopped: Event) -> Answer:
        """The answer. Raises UnavailableError when `seconds` are over or `stopped` is set, and at once what else `ask`
        raises."""
        end, pause = now_ms() + 1e3 * self.seconds, _FIRST_PAUSE_S
        while True:
            try:
                return ask()
            except NoAnswerError as error:
                left = (end - now_ms()) / 1e3
                if left <= 0 or stopped.wait(min(pause, left)):
                    raise UnavailableError(f"{error}; asked again for {self.seconds:g} s") from error
                pause = min(2 * pause, _LONGEST_PAUSE_S)
