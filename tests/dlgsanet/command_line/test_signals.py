"""A polite end is an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dlgsanet.command_line.signals import ENDING, ends_like_ctrl_c
from tests.project.repository import ROOT

# A room whose verb begins a file and waits, in short steps: a signal that comes between Python's last look and the
# start of a sleep does not end the sleep.
VERB = """
import sys, time, types
from pathlib import Path
from dlgsanet import __main__ as door
from dlgsanet.storage.atomic import new_file
def verb():
    with new_file(Path(sys.argv[1]) / "made" / "file") as half:
        half.touch()
        print("begun", flush=True)
        while True:
            time.sleep(0.05)
door._import = lambda name: types.SimpleNamespace(register=lambda app: app.command("train")(verb))
sys.exit(door.main(["train"]))
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")


@pytest.mark.parametrize("number", ENDING)
def test_the_first_interrupts_and_more_do_not_disturb_the_clearing(number: int) -> None:
    cleared = False
    with pytest.raises(KeyboardInterrupt), ends_like_ctrl_c():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)
            cleared = True
    assert cleared
    assert signal.getsignal(number) == signal.SIG_DFL


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_like_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_change_nothing() -> None:
    found = []

    def look() -> None:
        with ends_like_ctrl_c():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING])
def test_a_verb_clears_away_and_says_one_line(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", VERB, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL),
    )
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    process.send_signal(number)
    assert process.communicate(timeout=60) == ("", "dlgsanet: interrupted\n")
    assert process.returncode == 130 and not list(tmp_path.iterdir())


def test_an_interrupt_while_a_dataclass_is_made_is_one_like_any_other(tmp_path: Path) -> None:
    verb = VERB[: VERB.index("def verb")] + "def verb():\n    exec('raise KeyboardInterrupt')\n"
    (tmp_path / "its_door.py").write_text(verb + VERB[VERB.index("door._import") :])
    command = [sys.executable, "-m", "its_door"]  # as `python -m dlgsanet`: for a script Python forgets it
    path = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(command, capture_output=True, text=True, env=path, check=False)
    assert (done.returncode, done.stderr) == (130, "dlgsanet: interrupted\n")


def test_once_the_exit_code_stands_nothing_changes_it() -> None:
    code = (
        "import atexit, os, signal, sys\n"
        "from dlgsanet.__main__ import main\n"
        "atexit.register(lambda: [os.kill(os.getpid(), it) for it in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)])\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--nothing"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
