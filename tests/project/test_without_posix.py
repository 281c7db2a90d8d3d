"""Windows has no `resource`, no `os.fork` and few signals: no module of ours may need them to be imported.

The suite runs on Linux; here what Windows lacks is taken away once the libraries are in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.project.repository import ROOMS, ROOT

POSIX_MODULES = ("resource", "fcntl", "termios", "pwd", "grp", "pty", "tty", "syslog")
POSIX_SIGNALS = (
    "SIGKILL",
    "SIGHUP",
    "SIGUSR1",
    "SIGPIPE",
    "SIGALRM",
    "SIGQUIT",
    "SIGCHLD",
    "pthread_sigmask",
    "SIG_BLOCK",
)
POSIX_CALLS = ("fork", "killpg", "setsid", "getuid", "sched_getaffinity", "sysconf", "sysconf_names", "uname", "nice")
LIBRARIES = (  # with what they import late themselves
    *("numpy", "PIL.Image", "typer", "rich.console", "torch.utils.data", "torch.distributed", "onnx", "jinja2"),
    *("safetensors.torch", "matplotlib.figure", "multiprocessing.connection", "importlib.metadata", "tempfile"),
)
OWN_LIBRARIES = (  # Triton is for Linux only, spandrel and the Hub's client are extras
    *("dlgsanet/kernels/triton_programs.py", "dlgsanet/kernels/dynamic_conv_triton.py"),
    *("dlgsanet/checkpoints/spandrel_architecture.py", "dlgsanet/checkpoints/hub.py"),
)
CODE = f"""
import importlib, os, signal, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {POSIX_MODULES}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
for library in {LIBRARIES}:
    importlib.import_module(library)
for name in {POSIX_MODULES}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
for owner, names in ((signal, {POSIX_SIGNALS}), (os, {POSIX_CALLS})):
    for name in names:
        delattr(owner, name)
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.fixture(scope="module", autouse=True)
def _libraries() -> None:
    for library in LIBRARIES:
        pytest.importorskip(library)


def run(*modules: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", CODE, *modules]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_module_imports_without_what_windows_lacks() -> None:
    paths = [path.relative_to(ROOT) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    names = [".".join(path.with_suffix("").parts) for path in paths if path.as_posix() not in OWN_LIBRARIES]
    done = run(*(name.removesuffix(".__init__") for name in names))
    assert done.returncode == 0, done.stderr


def test_a_module_that_needs_it_is_found() -> None:
    assert "No module named 'resource'" in run("resource").stderr
