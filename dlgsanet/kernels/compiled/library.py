"""Compiles the C sources of this folder for the processor at hand, once, and loads them."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.storage.atomic import write_bytes
from dlgsanet.storage.cache_folder import own_folder

_FOLDER = Path(__file__).parent
_HEADER = "vectors.h"
_KIND = "operators"
_FLAGS = ("-std=gnu11", "-O3", "-shared", "-fPIC", "-fno-math-errno")
_LEASH = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""
_SECONDS = 120  # a compiler that takes longer hangs


def compiler() -> str | None:
    """The C compiler: what CC names, else cc, gcc or clang; None where there is none."""
    names = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]
    return next((path for name in names if (path := shutil.which(name))), None)


@functools.cache
def load_library(source: str, *definitions: tuple[str, int]) -> ctypes.CDLL:
    """The library of one source file with its constants, compiled on first use and kept in the user's cache.

    The constant HALF is 1 for pictures in bfloat16; without it they are fp32.
    Raises UnavailableError when there is no compiler, it refuses, or the library cannot be loaded.
    """
    command = compiler()
    if command is None:
        raise UnavailableError("expected a C compiler (cc, gcc, clang or $CC), found none: install one")
    path = _FOLDER / source
    options = [*_FLAGS, _for_this_processor(), *(f"-D{name}={value}" for name, value in definitions)]
    name = f"{path.stem}-{_key(path, command, options)}"
    folder = own_folder(_KIND)
    if folder is not None and (kept := _loaded(folder, name)) is not None:
        return kept
    try:
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary) / f"{name}.so"
            _compile([command, *options, str(path), "-o", str(made)])
            if folder is None:  # no home, a read-only one, or one that others may write to
                return ctypes.CDLL(str(made))
            kept_as = folder / f"{name}-{_content(made)}.so"
            write_bytes(kept_as, made.read_bytes())
        return ctypes.CDLL(str(kept_as))
    except (InputError, OSError) as error:  # a full disk, or a place that forbids running what lies in it
        raise UnavailableError(
            f"compiled operators cannot be loaded: {error}; set XDG_CACHE_HOME and TMPDIR"
        ) from error


def _loaded(folder: Path, name: str) -> ctypes.CDLL | None:
    """What was compiled before, where its content is still what its name says; what is damaged is removed."""
    for path in folder.glob(f"{name}-*.so"):
        with suppress(OSError):
            if path.stem.rpartition("-")[2] == _content(path):
                os.utime(path)
                return ctypes.CDLL(str(path))
            path.unlink()
    return None


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _compile(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(_leashed(command), capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"the C compiler {command[0]} did not run: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["without a word"]
        raise UnavailableError(f"the C compiler {command[0]} failed: {lines[0]}")


def _leashed(command: Sequence[str]) -> list[str]:
    """The command so that it dies with this process, where the system can do that (Linux): it is set in a process that
    then becomes the command."""
    if not sys.platform.startswith("linux"):
        return [*command]
    return [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), *command]


def _for_this_processor() -> str:
    return "-march=native" if platform.machine().lower() in ("x86_64", "amd64", "i686") else "-mcpu=native"


def _key(source: Path, command: str, options: Sequence[str]) -> str:
    """Another one for another source, compiler, option or processor: what is cached always fits."""
    texts = [path.read_text(encoding="utf-8") for path in (source, _FOLDER / _HEADER)]
    parts = [*texts, command, *options, sys.platform, _processor()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """What the processor can do: home folders are shared between machines."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.processor()
