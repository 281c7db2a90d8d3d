"""Standard streams that are closed, full, or whose reader has left: no traceback, no noise, an honest exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlgsanet.command_line.streams import Outlet, lost
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


class Refusing:
    """A raw stream that takes three bytes, then no more."""

    def __init__(self, number: int) -> None:
        self.number, self.taken = number, b""

    def write(self, data: bytes) -> int:
        if self.taken:
            raise OSError(self.number, "no more")
        self.taken = bytes(data[:3])
        return len(self.taken)


@pytest.mark.parametrize(("number", "told"), [(28, True), (32, False)])
def test_what_is_refused_is_remembered_and_the_rest_dropped(number: int, told: bool) -> None:
    outlet = Outlet(Refusing(number))  # type: ignore[arg-type]
    assert [outlet.write(b"abcd"), outlet.write(b"d"), outlet.write(b"efgh")] == [3, 1, 4]
    assert outlet.refused is not None
    assert (lost(outlet) is not None) == told


def test_a_stream_of_somebody_else_is_never_lost() -> None:
    assert lost(None) is None
