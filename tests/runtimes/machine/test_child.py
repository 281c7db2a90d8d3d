"""Children answer over one protocol: values, steps and errors arrive; crashes, hangs and dead parents leave nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dlgsanet.errors import BackendError, InputError, UnavailableError
from runtimes.machine import child
from runtimes.machine.child import Job, ask

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
def test_a_child_dies_with_its_parent(make: Make, tmp_path: Path, by_the_system: bool) -> None:
    said = tmp_path / "said"
    make(f"open({str(said)!r}, 'w').write(str(os.getpid()) + '.')\ntime.sleep(60)")
    if not by_the_system:  # as where there is no prctl
        source = (tmp_path / "its_work.py").read_text()
        (tmp_path / "its_work.py").write_text(source.replace("serve(work)", "sys.platform = 'other'\nserve(work)"))
    code = "from runtimes.machine.child import Job, ask\nask(Job('its_work', None, 'the work'))"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": f"{child.HOME}:{tmp_path}"}
    )
    process = int(next(_until(lambda: said.is_file() and said.read_text().endswith(".") and said.read_text()[:-1])))
    assert _alive(process)
    parent.kill()
    parent.wait()
    assert next(_until(lambda: not _alive(process)))


def _until(found: Callable[[], object]) -> Iterator[str]:
    for _ in range(200):
        if value := found():
            yield str(value)
        time.sleep(0.1)
    pytest.fail("it did not happen within 20 s")
