"""Standard streams that are closed, full, or whose reader has left: no traceback, no noise, an honest exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlgsanet.command_line.streams import PatientStream, lost
from tests.project.repository import ROOMS, ROOT

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
        ("$dlgsanet formats >&-", 0, ""),
        ("$dlgsanet formats --json >&-", 2, "dlgsanet: cannot write to the standard output: it is closed, and the res"),
        ("$dlgsanet formats --json >&- 2>&-", 2, ""),
        ("$dlgsanet upscale a.png -o - --model nano-x4 >&-", 2, "dlgsanet: the picture would go nowhere"),
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


@posix
def test_bytes_and_text_for_a_closed_output_are_lost_whatever_verb_put_them() -> None:
    code = "from dlgsanet.command_line.streams import {put}, lost, patient_streams; import sys\n"
    code += "with patient_streams() as output: {put}({value}); sys.exit(3 if lost(output) else 0)"
    for put, value in (("put_bytes", "b'x'"), ("put_text", "'x'"), ("put_json", "[1]")):
        line = f'{sys.executable} -c "{code.format(put=put, value=value)}"'
        assert [shell(f"{line} {where}")[0] for where in (">&-", ">/dev/full", ">/dev/null")] == [3, 3, 0]


def test_results_go_out_by_one_door() -> None:
    """Who writes to the standard output by other means would not hear that it is closed."""
    rooms = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "studies" not in path.parts]
    found = {path.relative_to(ROOT).as_posix() for path in rooms if "stdout.write(" in path.read_text()}
    assert found == {"dlgsanet/command_line/streams.py", "dlgsanet/command_line/voice.py"}
