"""Standard streams that are closed, full, or whose reader has left: no traceback, no noise, an honest exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlgsanet.command_line.streams import PatientStream, lost
from tests.project.repository import ROOT

posix = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full and a POSIX shell")


def shell(line: str) -> tuple[int, str, str]:
    """Exit code of the command, stdout and stderr; `$dlgsanet` in the line is the command."""
    command = f"{sys.executable} -m dlgsanet"
    done = subprocess.run(
        ["bash", "-c", line.replace("$dlgsanet", command)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return done.returncode, done.stdout, done.stderr


@posix
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$dlgsanet --help >/dev/full", 2, "dlgsanet: cannot write to the standard output: No space left on device"),
        ("$dlgsanet --help >&-", 0, ""),
        ("$dlgsanet --help >&- 2>&- <&-", 0, ""),
        ("$dlgsanet --nothing 2>&-", 2, ""),
        ("$dlgsanet --nothing 2>/dev/full", 2, ""),
        ("$dlgsanet formats --json | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("$dlgsanet --nothing 2>&1 | true; exit ${PIPESTATUS[0]}", 2, ""),
    ],
)
def test_the_code_is_that_of_the_work_unless_a_result_is_lost(line: str, code: int, said: str) -> None:
    found, out, err = shell(line)
    assert (found, out) == (code, "")
    assert err.count("\n") == (1 if said else 0) and err.startswith(said)


@posix
def test_the_first_reason_stays_and_the_rest_is_dropped() -> None:
    with Path("/dev/full").open("wb") as full:
        stream = PatientStream(full)
        assert stream.write("abc") == 3
        stream.flush()
        first = stream.refused
        assert first is not None and (lost(stream) or "").startswith("cannot write to the standard output: No space")
        assert stream.write("d" * 100_000) == 100_000
        stream.flush()
        assert stream.refused is first
        stream.detach()


@posix
def test_a_reader_that_has_left_is_no_loss() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        stream = PatientStream(pipe)
        stream.write("abc")
        assert lost(stream) is None and isinstance(stream.refused, BrokenPipeError)
        stream.detach()


def test_a_stream_of_somebody_else_is_never_lost() -> None:
    assert lost(None) is None
