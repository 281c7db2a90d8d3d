"""LiteRT's interpreter says nothing on stderr, and what others say there stays."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("ai_edge_litert")

from dlgsanet.command_line.remarks import without_remarks
from runtimes.backends.litert import interpreter
from runtimes.backends.litert.interpreter import open_interpreter
from runtimes.backends.litert.probe import FILE, prove


def test_opening_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    open_interpreter(FILE.read_bytes(), 1)
    assert capfd.readouterr().err == ""


def test_words_of_others_stay(capfd: pytest.CaptureFixture[str]) -> None:
    with without_remarks(interpreter._REMARK):
        os.write(2, b"INFO: a remark\nsomething else\n")
    assert capfd.readouterr().err == "something else\n"


def test_the_probe_computes() -> None:
    prove()
