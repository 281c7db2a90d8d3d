from __future__ import annotations

from threading import Event

import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.kserve.patience import NoAnswerError, Patience


def test_it_asks_until_there_is_an_answer() -> None:
    asked = iter([NoAnswerError("no answer"), NoAnswerError("no answer"), None])

    def ask() -> str:
        if (error := next(asked)) is not None:
            raise error
        return "answer"

    assert Patience(10).wait_for(ask, Event()) == "answer"


def test_it_ends_and_says_for_how_long_it_asked() -> None:
    def ask() -> str:
        raise NoAnswerError("no answer from box")

    with pytest.raises(UnavailableError, match=r"no answer from box; asked again for 0\.05 s"):
        Patience(0.05).wait_for(ask, Event())


def test_who_is_stopped_asks_no_more() -> None:
    stopped, asked = Event(), []

    def ask() -> str:
        asked.append(1)
        stopped.set()
        raise NoAnswerError("no answer")

    with pytest.raises(UnavailableError):
        Patience(60).wait_for(ask, stopped)
    assert len(asked) == 1


def test_a_wrong_question_is_asked_once() -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        raise InputError("no such model")

    with pytest.raises(InputError):
        Patience(60).wait_for(ask, Event())
    assert len(asked) == 1
