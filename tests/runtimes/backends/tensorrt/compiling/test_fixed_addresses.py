from __future__ import annotations

import subprocess
import sys

import pytest

from runtimes.backends.tensorrt.compiling import fixed_addresses as addresses


def test_a_process_started_anew_has_fixed_addresses(tmp_path, monkeypatch):
    (tmp_path / "shows.py").write_text(
        "import sys\n"
        "from runtimes.backends.tensorrt.compiling import fixed_addresses as addresses\n"
        "addresses.start_fixed('shows')\n"
        "print(addresses.fixed(), sys.argv[1:], sys.stdin.read())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    done = subprocess.run([sys.executable, "-m", "shows", "job"], input="given", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("False"):
        pytest.skip("this system does not let a process fix its addresses")
    assert done.stdout == f"True ['job', '{addresses.AGAIN}'] given\n"


def test_where_it_is_forbidden_nothing_is_started_anew(monkeypatch):
    monkeypatch.setattr(addresses, "_personality", lambda wanted: -1)
    monkeypatch.setattr(addresses.os, "execv", lambda *given: pytest.fail("started anew"))
    addresses.start_fixed("nothing")
    assert not addresses.fixed()


def test_a_process_that_lost_them_is_not_started_for_ever(monkeypatch):
    monkeypatch.setattr(addresses, "_personality", lambda wanted: 0)
    monkeypatch.setattr(addresses.sys, "argv", ["worker", addresses.AGAIN])
    monkeypatch.setattr(addresses.os, "execv", lambda *given: pytest.fail("started anew"))
    addresses.start_fixed("nothing")
