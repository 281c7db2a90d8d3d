from __future__ import annotations

import getpass
import socket
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.records.environment import describe_environment


def test_it_names_the_machine_but_neither_host_nor_user_nor_paths() -> None:
    found = describe_environment()
    assert found.cpu and found.threads >= 1 and found.memory_gb > 0
    assert found.packages["numpy"]
    text = str(asdict(found))
    host = socket.gethostname()
    assert len(host) < 4 or host not in text
    assert str(Path.home()) not in text or str(Path.home()) == "/"
    user = getpass.getuser()
    assert len(user) < 5 or user not in text


def test_a_name_given_by_the_user_stands_for_the_machine() -> None:
    assert describe_environment("kitchen board").machine == "kitchen board"


def test_circumstances_are_not_identity_but_software_is() -> None:
    found = describe_environment()
    assert replace(found, load_average=9.0, running=7, governor="powersave").identity() == found.identity()
    assert replace(found, packages={"numpy": "0"}).identity() != found.identity()


def test_a_busy_machine_is_said_to_be_busy() -> None:
    found = replace(describe_environment(), threads=2)
    assert replace(found, load_average=0.2).busy is None
    assert replace(found, load_average=None).busy is None
    assert "busy (load 1.8 on 2 cores)" in (replace(found, load_average=1.8).busy or "")


def test_a_devices_state_is_recorded_and_does_not_make_another_machine(monkeypatch):
    from benchmarks.records import environment

    monkeypatch.setattr(environment, "device_state", lambda: {"power_mode": "MAXN (0)"})
    found = environment.describe_environment("board")
    assert found.device_state == {"power_mode": "MAXN (0)"}
    monkeypatch.setattr(environment, "device_state", dict)
    assert environment.describe_environment("board").identity() == found.identity()
