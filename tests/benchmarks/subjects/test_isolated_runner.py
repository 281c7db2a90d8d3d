"""Each child takes about half a second to start, so these tests share what can be shared."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.subjects import isolated_runner
from benchmarks.subjects.isolated_runner import EnergyAlone, IsolatedRunner
from dlgsanet.errors import BackendError, UnavailableError
from runtimes.machine.memory import peak_rss_mb
from runtimes.machine.power import Energy, EnergyMeter
from runtimes.runner.contract import OutputError, Runner

TILE = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)


def isolated(nearest: Callable[..., Runner], fault: str = "") -> IsolatedRunner:
    return IsolatedRunner("fake-fp32-8x8", 2, ((8, 8),), partial(nearest, fault=fault))


def test_it_gives_what_the_runner_gives_and_says_what_it_says(nearest: Callable[..., Runner]) -> None:
    with isolated(nearest) as run, nearest() as own:
        assert run.info == own.info
        assert run.load_ms >= 0
        assert np.array_equal(run.infer(TILE), own.infer(TILE))
        image = np.random.default_rng(2).random((1, 3, 13, 21), np.float32)
        assert np.array_equal(run(image, 4), own(image, 4))
    assert not multiprocessing.active_children()


def test_a_file_named_like_one_of_pythons_own_is_not_taken_for_it(
    nearest: Callable[..., Runner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("struct", "pickle", "socket"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken')")
    monkeypatch.chdir(tmp_path)
    with isolated(nearest) as run:
        assert run.infer(TILE).shape == (1, 3, 16, 16)
    assert Path.cwd() == tmp_path


def test_nor_is_it_by_what_the_first_child_of_a_process_starts_beside_itself(tmp_path: Path) -> None:
    """Python's resource tracker, which later children share."""
    (tmp_path / "struct.py").write_text("raise SystemExit(open('taken', 'w').close())")
    code = (
        "import os, sys\n"
        "from functools import partial\n"
        "from benchmarks.subjects.isolated_runner import IsolatedRunner\n"
        "from tests.benchmarks.subjects.child_runners import NearestRunner\n"
        "if __name__ == '__main__':\n"
        "    os.chdir(sys.argv[1])\n"
        "    with IsolatedRunner('fake', 2, ((8, 8),), partial(NearestRunner, fault='')) as run:\n"
        "        print(run.info.artifact)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    assert not (tmp_path / "taken").exists()


@pytest.mark.parametrize(("fault", "doing"), [("crash", "running"), ("crash on opening", "loading")])
def test_a_crash_becomes_an_error_that_names_the_signal(nearest: Callable[..., Runner], fault: str, doing: str) -> None:
    words = rf"^fake-fp32-8x8: the backend's process ended while {doing} \(SIGSEGV\)$"
    with pytest.raises(BackendError, match=words), isolated(nearest, fault) as run:
        run.infer(TILE)
    assert not multiprocessing.active_children()


def test_after_a_crash_every_call_says_so(nearest: Callable[..., Runner]) -> None:
    with isolated(nearest, "crash") as run:
        for _ in range(2):
            with pytest.raises(BackendError, match="SIGSEGV"):
                run.infer(TILE)


def test_errors_of_the_runner_arrive_as_they_are_and_the_child_lives_on(
    nearest: Callable[..., Runner],
) -> None:
    with isolated(nearest, "black") as run:
        for _ in range(2):
            with pytest.raises(OutputError, match="0 everywhere"):
                run.infer(TILE)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("missing", UnavailableError, "install it"),
        ("bug on opening", BackendError, "FileNotFoundError: no such library"),
        ("bug", BackendError, "RuntimeError: out of shared memory"),
    ],
)
def test_other_failures_are_one_line(
    nearest: Callable[..., Runner], fault: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words), isolated(nearest, fault) as run:
        run.infer(TILE)
    assert not multiprocessing.active_children()


def test_the_childs_memory_is_its_own(nearest: Callable[..., Runner]) -> None:
    if peak_rss_mb() is None:
        pytest.skip("this system does not tell a process's peak memory")
    ballast = np.ones((400, 1 << 20), np.uint8)
    with isolated(nearest, "memory") as run:
        before = run.peak_rss_mb()
        run.infer(TILE)
        after = run.peak_rss_mb()
    assert before is not None and after is not None
    assert 20 < before < 200 < ballast.nbytes / 1e6
    assert 50 < after - before < 80


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a child that hangs")
def test_a_hanging_backend_ends_with_a_parent_that_was_killed() -> None:
    code = (
        "from functools import partial\n"
        "import numpy as np\n"
        "from benchmarks.subjects.isolated_runner import IsolatedRunner\n"
        "from tests.benchmarks.subjects.child_runners import NearestRunner\n"
        "if __name__ == '__main__':\n"
        "    opener = partial(NearestRunner, fault='hang')\n"
        "    with IsolatedRunner('fake', 2, ((8, 8),), opener) as run:\n"
        "        print(run._process.pid, flush=True)\n"
        "        run.infer(np.random.default_rng(0).random((1, 3, 8, 8), np.float32))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.5)  # it has begun to hang, or will
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child lives on")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no POSIX signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_interrupt_while_the_child_starts_prints_nothing_of_the_child(number: str) -> None:
    code = (
        "import os, signal, sys, threading, time\n"
        "from functools import partial\n"
        "from multiprocessing import util\n"
        "from benchmarks.subjects.isolated_runner import IsolatedRunner\n"
        "from tests.benchmarks.subjects.child_runners import NearestRunner\n"
        "spawn = util.spawnv_passfds\n"
        "def interrupted(path, args, fds):\n"
        "    child = spawn(path, args, fds)\n"
        "    if b'spawn_main' in b' '.join(map(os.fsencode, args)):\n"
        f"        os.kill(os.getpid(), signal.{number})\n"
        "        time.sleep(0.2)\n"
        "    return child\n"
        "if __name__ == '__main__':\n"
        "    util.spawnv_passfds = interrupted\n"
        f"    signal.signal(signal.{number}, signal.default_int_handler)\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()  # takes the signal\n"
        "    try:\n"
        "        with IsolatedRunner('fake', 2, ((8, 8),), partial(NearestRunner)):\n"
        "            print('opened')\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


class _Counting(EnergyMeter):
    """Six joules, whatever was done."""

    slowest_s = 0.02

    def read(self) -> Energy:
        return Energy(6.0, "a test")


@pytest.mark.parametrize("meter", [_Counting(), EnergyMeter()])
def test_energy_is_that_of_one_tile_and_nothing_runs_without_a_meter(
    monkeypatch: pytest.MonkeyPatch, meter: EnergyMeter
) -> None:
    ran: list[int] = []

    def infer(tile: object, checked: bool) -> None:
        ran.append(1)
        time.sleep(0.005)

    monkeypatch.setattr(isolated_runner, "energy_meter", lambda log: nullcontext(meter))
    found = EnergyAlone(np.zeros((1, 3, 2, 2), np.float32), None)(SimpleNamespace(infer=infer))  # type: ignore[arg-type]
    if meter.slowest_s:
        assert found == Energy(6.0 / len(ran), "a test") and 2 <= len(ran) <= 4
    else:
        assert found == Energy(None, "not told by this system") and not ran
