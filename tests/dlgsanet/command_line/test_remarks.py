"""Remarks of a library are not heard on stderr; what others say there is."""

from __future__ import annotations

import os
import re

import pytest

from dlgsanet.command_line.remarks import without_remarks

INFO = re.compile(rb"INFO: .*")


def test_words_of_others_stay(capfd: pytest.CaptureFixture[str]) -> None:
    with without_remarks(INFO):
        os.write(2, b"INFO: a remark\nsomething else\n")
    os.write(2, b"INFO: said outside\n")
    assert capfd.readouterr().err == "something else\nINFO: said outside\n"


def test_stderr_is_given_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="broken"), without_remarks(INFO):
        raise OSError("broken")
    os.write(2, b"INFO: heard\n")
    assert capfd.readouterr().err == "INFO: heard\n"
