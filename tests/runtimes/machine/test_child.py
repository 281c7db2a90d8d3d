"""Children answer over one protocol: values, steps and errors arrive; crashes, hangs and dead parents leave nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dlgsanet.errors import BackendError, InputError, UnavailableError
from runtimes.machine import child, start
from runtimes.machine.child import Job, ask
from tests.runtimes.machine import warm_children

Make = Callable[..., Job]


class OwnError(BackendError):
    """An error of a test's own."""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """`make(body)`: a job whose child runs `body` with `given` and `say`."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def job(body: str, given: object = None, timeout_s: float | None = 60, **more: object) -> Job:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        (tmp_path / "its_work.py").write_text(
            "import os, sys, time\n"
            "from dlgsanet.errors import *\n"
            "from runtimes.machine.child import serve\n"
            f"def work(given, say):\n{lines}\n"
            "serve(work)\n"
        )
        return Job("its_work", given, "the work", timeout_s, **more)

    return job


def test_the_value_and_the_steps_arrive(make: Make) -> None:
    steps: list[str] = []
    job = make("say('half')\nprint('noise')\nos.system('echo more noise')\nreturn {'twice': 2 * given}", 21)
    assert ask(job, steps.append) == {"twice": 42}
    assert steps == ["half"]


@pytest.mark.parametrize("kind", [InputError, UnavailableError, BackendError])
def test_errors_arrive_as_they_were_raised(make: Make, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^expected a, found b$") as caught:
        ask(make(f"raise {kind.__name__}('expected a, found b')"))
    assert type(caught.value) is kind


def test_an_error_that_is_not_known_here_is_one_of_a_backend(make: Make) -> None:
    body = "class {0}(InputError): pass\nraise {0}('its own')"
    with pytest.raises(OwnError, match="its own"):
        ask(make(body.format("OwnError")))
    with pytest.raises(BackendError, match="its own") as caught:
        ask(make(body.format("ForeignError")))
    assert type(caught.value) is BackendError


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os.kill(os.getpid(), 11)", r"^the work: its process ended \(SIGSEGV\)$"),
        ("raise KeyError('lost')", r"^the work: its process ended \(exit code 1\): KeyError: 'lost'$"),
        ("sys.stderr.write('one\\ntwo\\n')\nsys.stderr.flush()\nos._exit(7)", r"\(exit code 7\): two$"),
    ],
)
def test_a_crash_is_one_line(make: Make, body: str, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        ask(make(body))


def test_a_hang_ends(make: Make) -> None:
    with pytest.raises(BackendError, match=r"^the work did not end within 0\.5 s and was stopped: be patient$"):
        ask(make("time.sleep(60)", timeout_s=0.5, advice="be patient"))


def _alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at in /proc")
@pytest.mark.parametrize("by_the_system", [True, False])
def test_a_child_and_what_it_started_die_with_its_parent(make: Make, tmp_path: Path, by_the_system: bool) -> None:
    said = tmp_path / "said"
    make(
        "import subprocess\n"
        "other = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(said)!r}, 'w').write(f'{{os.getpid()}} {{other.pid}}.')\n"
        "time.sleep(60)"
    )
    asking = ["from runtimes.machine import child", "child.ask(child.Job('its_work', None, 'the work'))"]
    if not by_the_system:  # as where there is no prctl: the child is no `start.py`
        asking.insert(1, "child.command = lambda module: [child.sys.executable, '-m', module]")
    parent = subprocess.Popen(
        [sys.executable, "-c", "\n".join(asking)], env={**os.environ, "PYTHONPATH": f"{start.HOME}:{tmp_path}"}
    )
    told = next(_until(lambda: said.is_file() and said.read_text().endswith(".") and said.read_text()[:-1]))
    processes = [int(word) for word in told.split()]
    assert all(map(_alive, processes))
    parent.kill()
    parent.wait()
    assert next(_until(lambda: not any(map(_alive, processes))))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at in /proc")
def test_what_a_child_started_ends_with_the_job(make: Make) -> None:
    quiet = "stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    other = ask(make(f"import subprocess\nreturn subprocess.Popen(['sleep', '60'], {quiet}).pid"))
    assert isinstance(other, int)
    assert next(_until(lambda: not _alive(other)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone kills with a parent")
def test_a_child_whose_parent_is_gone_already_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "its_work.py").write_text("print('here')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for parent, said in ((None, "here\n"), (1, "")):
        command = start.command("its_work", parent=parent)
        assert subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout == said


def test_a_file_named_like_one_of_pythons_own_is_not_taken_for_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for name in ("struct", "json", "signal", "queue"):
        (place / f"{name}.py").write_text("raise SystemExit('taken')")
    monkeypatch.chdir(place)
    again = "import subprocess\nreturn subprocess.run([sys.executable, '-c', 'import struct'], check=False).returncode"
    assert ask(make("return 'own'")) == "own"
    if sys.version_info >= (3, 11):
        assert ask(make(again)) == 0


def test_the_places_of_modules_keep_their_order(tmp_path: Path) -> None:
    """Where packages are installed comes after Python's own modules, also for a child."""
    (tmp_path / "its_work.py").write_text("import sys\nprint(*sys.path, sep='\\n')")
    for places in ([tmp_path], [tmp_path, start.HOME]):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
        done = subprocess.run(start.command("its_work"), env=environment, capture_output=True, text=True, check=True)
        found = done.stdout.splitlines()
        order = [found.index(str(tmp_path)), found.index(str(start.HOME))]
        assert (order == sorted(order)) == (len(places) == 2)
        assert str(start.HOME / "runtimes" / "machine") not in found


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_to_all_processes_are_for_the_parent(make: Make, signal: str) -> None:
    assert ask(make(f"import signal\nos.kill(os.getpid(), signal.{signal})\nreturn 'on'")) == "on"


@pytest.fixture
def warm(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A job whose child is forked from a process of its own that has the imports: that of all tests has the environment
    of the first that asked."""
    if not sys.platform.startswith("linux"):
        pytest.skip("nothing is forked here")
    monkeypatch.setattr(warm_children, "OURS", ("tests.runtimes.machine.", "another"))
    own = warm_children.WarmChildren()
    monkeypatch.setattr(child, "subprocess", own)
    yield "tests.runtimes.machine.limited_work"
    own.end()


def test_limits_that_a_test_sets_hold_for_warm_children(warm: str) -> None:
    import resource

    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual // 2, most))
        assert ask(Job(warm, None, "the work")) == usual // 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
    assert ask(Job(warm, None, "the work")) == usual


def test_an_ended_warm_child_keeps_its_number_until_it_is_waited_for(warm: str) -> None:
    process = child.subprocess.Popen(start.command(warm), env=start.environment())
    assert isinstance(process, warm_children.WarmChild)
    process.stdin.close()  # it was asked nothing: it fails
    there = Path(f"/proc/{process.pid}/stat")
    assert next(_until(lambda: not _alive(process.pid)))
    time.sleep(0.2)
    assert there.exists()
    os.killpg(process.pid, 9)
    assert process.wait(10) == 1
    assert next(_until(lambda: not there.exists()))


def test_a_warm_child_that_does_not_come_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_children, "_PATIENCE_S", 0.1)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(subprocess.TimeoutExpired):
        warm_children.WarmChild(ours, ["python", "start.py", "1", "nobody"])


def _until(found: Callable[[], object]) -> Iterator[str]:
    for _ in range(200):
        if value := found():
            yield str(value)
        time.sleep(0.1)
    pytest.fail("it did not happen within 20 s")
