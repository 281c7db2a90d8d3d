from __future__ import annotations

import getpass
import socket
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.records.environment import describe_environment
from runtimes.backends.kserve.entry import BACKEND as KSERVE


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


def test_a_package_that_computes_nothing_here_makes_no_other_machine() -> None:
    found = replace(describe_environment(), packages={"numpy": "2.4.6"})
    client = replace(found, packages={"numpy": "2.4.6", KSERVE.engine.module: "2.69.0"})
    assert client.identity() == found.identity() and client.differences(found) == []
    engine = replace(found, packages={"numpy": "2.4.6", "onnxruntime": "1.0"})
    assert engine.identity() != found.identity() and engine.differences(found) == ["onnxruntime 1.0 and none"]


def test_instruction_sets_that_differ_are_said_in_words() -> None:
    found = replace(describe_environment(), instruction_sets=("avx2", "avx512f"))
    assert found.differences(replace(found, instruction_sets=("avx2",))) == ["instruction sets avx2 avx512f and avx2"]
    assert replace(found, instruction_sets=()).differences(found) == ["instruction sets none and avx2 avx512f"]


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
