"""Fixtures that every room's tests share."""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import pytest

# Two test processes share two cores: more threads each would only make them wait for one another. Where a test asks for
# two threads all the same, the one that waits must leave its core to whoever works.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A job that a shell runs in the background ignores Ctrl-C, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same of a closed terminal, which `nohup` ignores.
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Faults that a test plants must be met by real proofs, not by what another test has kept.
os.environ["DLGSANET_NO_CACHE"] = "1"

TESTS = Path(__file__).resolve().parent
STAND_INS = TESTS / "data" / "stand_ins"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache is on, empty and this test's own: its folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DLGSANET_NO_CACHE")
    return tmp_path / "cache" / "dlgsanet"


@pytest.fixture(autouse=True)
def memory_limit_of_a_child() -> Iterator[None]:
    """A child's work, called here by a test, limits the memory of its process: later tests must not feel that."""
    if sys.platform in ("win32", "darwin"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="session", autouse=True)
def imports_of_children_are_there() -> Iterator[None]:
    """Jobs in processes of their own begin at once, where processes can be forked."""
    if sys.platform in ("win32", "darwin"):
        yield
        return
    from runtimes.machine import child
    from tests.runtimes.machine.warm_children import WarmChildren

    usual, child.subprocess = child.subprocess, WarmChildren()  # type: ignore[assignment]
    yield
    child.subprocess.end()  # type: ignore[attr-defined]
    child.subprocess = usual


@pytest.fixture(scope="session")
def conformance() -> Path:
    """Folder of the small vectors made by running the official network (see tests/data/README.md)."""
    return TESTS / "data" / "conformance"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with `bench/Set5`, `bench/B100` (never committed): $DLGSANET_DATA, else ../shared/data."""
    folder = Path(os.environ.get("DLGSANET_DATA", TESTS.parent.parent / "shared" / "data"))
    if not (folder / "bench" / "Set5" / "HR").is_dir():
        pytest.skip("evaluation images not here: set DLGSANET_DATA to a folder with bench/Set5 and bench/B100")
    return folder


class _Stopping(io.FileIO):
    """Takes half of what is written, then raises what `error` makes of the file's path."""

    def __init__(self, path: Path, error: Callable[[Path], BaseException]) -> None:
        super().__init__(path, "wb")
        self._path, self._error = path, error

    def write(self, data: Any) -> int:
        super().write(data[: len(data) // 2])
        raise self._error(self._path)


@pytest.fixture
def writing_stops(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], BaseException]], None]:
    """From the call on, every file that is written raises in the middle."""

    def begin(error: Callable[[Path], BaseException]) -> None:
        real = Path.open

        def opened(self: Path, mode: str = "r", *rest: Any, **options: Any) -> IO[Any]:
            return _Stopping(self, error) if mode == "wb" else real(self, mode, *rest, **options)

        monkeypatch.setattr(Path, "open", opened)

    return begin


@pytest.fixture
def spandrel(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """spandrel, here and in processes of its user's. It imports three names of torchvision that no network of the tests
    calls: where torchvision is not installed, they are stood in for."""
    if importlib.util.find_spec("spandrel") is None:
        pytest.skip("spandrel is not installed")
    if importlib.util.find_spec("torchvision") is None:
        monkeypatch.syspath_prepend(str(STAND_INS))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(STAND_INS), os.environ.get("PYTHONPATH")))))
    yield importlib.import_module("spandrel")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
