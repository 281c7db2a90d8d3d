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
from collections.abc import Sequence
from pathlib import Path

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.storage.atomic import new_file
from dlgsanet.storage.cache_folder import user_cache

_FOLDER = Path(__file__).parent
_HEADER = "vectors.h"
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
    Raises UnavailableError when there is no compiler, it refuses, or the library can be neither kept nor loaded.
    """
    command = compiler()
    if command is None:
        raise UnavailableError("expected a C compiler (cc, gcc, clang or $CC), found none: install one")
    path = _FOLDER / source
    options = [*_FLAGS, _for_this_processor(), *(f"-D{name}={value}" for name, value in definitions)]
    target = user_cache() / f"{path.stem}-{_key(path, command, options)}.so"
    try:
        if (kept := _loaded(target)) is not None:
            return kept
        with new_file(target) as temporary:
            _compile([command, *options, str(path), "-o", str(temporary)])
        return ctypes.CDLL(str(target))
    except (InputError, OSError) as error:  # a read-only home, or one that forbids running what lies in it
        raise UnavailableError(f"compiled operators cannot be kept: {error}; set XDG_CACHE_HOME") from error


def _loaded(target: Path) -> ctypes.CDLL | None:
    """What was compiled before; None where there is nothing, or something damaged."""
    try:
        return ctypes.CDLL(str(target))
    except OSError:
        return None


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
