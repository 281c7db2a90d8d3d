"""A slice of `make kill`: real moments of the quickest verb; and the harness sees what it is there to see."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz import kills
from tests.fuzz.kill_verbs import VERBS, KilledVerb, files
from tests.fuzz.kills import Finding, Run, Struck, again, allowed, judge, row
from tests.fuzz.seeds import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")


def script(text: str) -> KilledVerb:
    """A verb of a few lines of Python, which is told where to write."""

    class Scripted(KilledVerb):
        def command(self, shared: Path, out: Path) -> list[str]:
            return [sys.executable, "-c", text, str(out)]

    return Scripted("script", (), files, False)


def struck(run: Run, sent: signal.Signals = signal.SIGKILL, stood: bool = False) -> Struck:
    return Struck(run, sent, True, stood, "")


def known(room: Path, outputs: dict[str, str]) -> kills.Usual:
    return kills.Usual(room, outputs, frozenset({"said", "tmp", "out"}), 1.0, 0)


def test_moments_of_report_are_right(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "result.json").write_bytes((ROOT / "benchmarks/results/nano-x2-check-Set5.json").read_bytes())
    verb = VERBS["report"]
    usual = kills.usual(verb, shared, tmp_path / "usual")
    found = [kills.moment(verb, shared, usual, 15, number) for number in range(2)]
    assert not any(each.wrong for each in found)


def test_a_child_that_lives_on_is_seen_and_ended(tmp_path: Path) -> None:
    text = "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True); print('x')"
    run = Run(script(text), tmp_path, tmp_path / "room")
    run.process.wait()
    assert len(run.alive()) == 1
    assert judge(script(text), struck(run), known(tmp_path, {})) == ["outlived"]
    deadline = time.monotonic() + 5
    while run.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not run.alive()


def test_what_is_killed_hears_ctrl_c_in_the_background_too(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does with `&`
    try:
        kills.let_ctrl_c_through()
        run = Run(script("import time; print('up', flush=True); time.sleep(60)"), tmp_path, tmp_path / "room")
    finally:
        signal.signal(signal.SIGINT, before)
    time.sleep(0.5)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30) == -signal.SIGINT


def test_half_a_file_or_a_missing_old_one_is_seen(tmp_path: Path) -> None:
    text = "import pathlib, sys; pathlib.Path(sys.argv[1], 'a').write_text('half')"
    run = Run(script(text), tmp_path, tmp_path / "room")
    run.process.wait()
    whole = files(tmp_path / "room" / "out")
    assert judge(script(text), struck(run), known(tmp_path, dict(whole))) == []
    assert judge(script(text), struck(run), known(tmp_path, {"a": "whole"})) == ["half_written"]
    both = known(tmp_path, {**whole, "b": "old"})
    assert judge(script(text), struck(run, signal.SIGINT), both) == ["half_written"]  # code 0, and b is not there
    assert judge(script("raise SystemExit(1)"), struck(run, stood=True), both) == ["half_written"]


def test_the_next_run_is_judged(tmp_path: Path) -> None:
    assert again(script("raise SystemExit(2)"), tmp_path, tmp_path / "a", known(tmp_path, {})) == ["not_resumed"]
    text = "import pathlib, sys; pathlib.Path(sys.argv[1], '.tmp-x').write_text('left')"
    assert again(script(text), tmp_path, tmp_path / "b", known(tmp_path, {})) == ["debris"]
    assert again(script(""), tmp_path, tmp_path / "c", known(tmp_path, {"a": "0"})) == ["differs"]


def test_exit_codes() -> None:
    assert allowed(signal.SIGKILL, True) == {0, -9}
    assert allowed(signal.SIGTERM, True) == {0, 130}
    assert allowed(signal.SIGINT, False) == {0, 130, -2}


def test_a_process_listens_once_it_answers_sigterm(tmp_path: Path) -> None:
    text = "import signal, sys, time; signal.signal(15, print); print(file=sys.stderr, flush=True); time.sleep(60)"
    run = Run(script(text), tmp_path, tmp_path / "room")
    assert run.wait_for(0, lines=1) and run.listens()
    run.process.kill()
    run.process.wait()
    assert not run.wait_for(0, lines=1)


def test_rows_count() -> None:
    found = [
        Finding("x", signal.SIGINT, ("debris",)),
        Finding("x", signal.SIGKILL, (), True),
        Finding("x", signal.SIGINT, ()),
    ]
    counted = row("x", found)
    assert counted.went_on == 1 and row("x", found[:1]).went_on is None
    assert (counted.sigkill, counted.sigterm, counted.sigint, counted.debris, counted.outlived) == (1, 0, 2, 1, 0)
