from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import demo
from dlgsanet.errors import BackendError, EdgeError, GateError, InputError, UnavailableError

pytest.importorskip("skimage")


def run(monkeypatch: pytest.MonkeyPatch, output: Path, codes: dict[str, int]) -> list[str]:
    """The verbs that the demo runs when they end with these codes."""
    verbs: list[str] = []

    def fake(words: Sequence[str]) -> int:
        verbs.append(words[0])
        return codes.get(words[0], 0)

    monkeypatch.setattr(demo, "run_command", fake)
    try:
        demo.run_demo(output)
    finally:
        verbs.append("end")
    return verbs[:-1]


def test_it_walks_the_whole_path_and_says_what_comes_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "d", {}) == ["export", "check", "bench", "report"]
    text = capsys.readouterr().out
    assert "astronaut" in text and "public domain" in text
    assert f"report: {tmp_path / 'd' / 'report.html'}" in text
    assert "next: dlgsanet upscale YOUR_PHOTO.jpg --bundle" in text


@pytest.mark.parametrize(
    ("verb", "code", "kind"),
    [
        ("check", 1, GateError),
        ("bench", 3, UnavailableError),
        ("check", 70, BackendError),
        ("export", 2, InputError),
    ],
)
def test_a_failure_decides_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    code: int,
    kind: type[EdgeError],
) -> None:
    with pytest.raises(kind, match=f"`{verb}` ended with exit code {code}"):
        run(monkeypatch, tmp_path / "d", {verb: code})
    shown = "report:" in capsys.readouterr().out
    assert shown == (verb != "export")  # a failed gate does not hide the report


def test_an_interrupted_step_interrupts_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, tmp_path / "d", {"check": 130})


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(InputError, match="found a file"):
        demo.run_demo(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="found the file"):
        demo.run_demo(tmp_path / "file" / "demo")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_no_step_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    alive = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(alive)!r}).write_text(str(os.getpid())); time.sleep(60)"
    real = subprocess.Popen

    def popen(command: Sequence[str], env: object) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", code])

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(demo, "PATIENCE_S", 0.3)

    def interrupt() -> None:
        while not alive.exists() or not alive.read_text():
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        demo.run_command(["check"])
    with pytest.raises(ProcessLookupError):
        os.kill(int(alive.read_text()), 0)
