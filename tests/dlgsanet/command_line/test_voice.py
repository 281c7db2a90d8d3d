from __future__ import annotations

import pytest

from dlgsanet.command_line.voice import PLAIN, Voice


def said(voice: Voice, capsys: pytest.CaptureFixture[str]) -> str:
    voice.note("note")
    voice.detail("detail")
    with voice.progress(2) as step:
        step("one")
        step("two")
    out, err = capsys.readouterr()
    assert not out  # results alone go to stdout
    return err


def test_plain(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(PLAIN, capsys) == "note\n"  # short work needs no progress in a log


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(Voice(quiet=True), capsys) == ""
    assert said(Voice(quiet=True, verbose=True), capsys) == ""


def test_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(Voice(verbose=True), capsys) == "note\ndetail\n0:00:00  one\n0:00:00  two\n"
