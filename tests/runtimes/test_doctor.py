"""The doctor says ok only of what computed the right thing; missing and broken engines are told apart."""

from __future__ import annotations

import json
import sys

import pytest
import typer

from dlgsanet.errors import UnavailableError
from runtimes import commands, doctor
from runtimes.doctor import ENGINES, Engine, examine

BY_NAME = {engine.name: engine for engine in ENGINES}


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "torch"])
def test_an_installed_engine_is_proved(name):
    pytest.importorskip(name)
    finding = examine(BY_NAME[name])
    assert finding.status == "ok", finding.note
    assert finding.version
    assert finding.devices[0].name.lower().startswith("cpu")
    assert "fp32" in finding.devices[0].precisions


def test_a_missing_engine_names_its_extra():
    finding = examine(Engine("nothing", "no_such_engine", "openvino", "nothing"))
    assert finding.status == "missing"
    assert finding.note == 'pip install "dlgsanet-edge[openvino]"'


def test_a_broken_engine_is_broken_not_missing(tmp_path, monkeypatch):
    (tmp_path / "brokenengine.py").write_text("raise OSError('libbroken.so: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    finding = examine(Engine("brokenengine", "brokenengine", "x", "nothing"))
    assert finding.status == "broken"
    assert "brokenengine" in finding.note  # the process knows no probe of that name


def test_a_crash_and_a_hang_are_findings(monkeypatch):
    monkeypatch.setattr(doctor, "_TORCH_PROBE", "import os; os.kill(os.getpid(), 11)")
    torch = Engine("torch", "json", "torch", "stand-in")
    assert examine(torch).status == "broken"
    assert "-11" in examine(torch).note
    monkeypatch.setattr(doctor, "_TORCH_PROBE", "import time; time.sleep(60)")
    assert "did not end within 0.5 s" in examine(torch, timeout_s=0.5).note


REPORT = {
    "schema": 1,
    "machine": {"system": "S", "python": "3", "cpu": "C", "threads": 2, "memory_mb": None},
    "backends": [
        {
            "name": "openvino",
            "status": "ok",
            "version": "1",
            "role": "r",
            "note": "",
            "devices": [
                {"name": "CPU", "description": "C", "precisions": ["fp32", "bf16"]},
                {"name": "GPU", "description": "G", "precisions": []},
            ],
        },
        {
            "name": "torch",
            "status": "missing",
            "version": None,
            "role": "r",
            "note": "pip install x",
            "devices": [],
        },
    ],
}


def test_the_verb_prints_lines_or_json(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine_all", lambda progress: REPORT)
    commands.doctor(as_json=True)
    assert json.loads(capsys.readouterr().out) == REPORT
    commands.doctor(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert "openvino      ok         1            CPU (C): fp32 bf16" in lines
    assert "openvino      ok         1            GPU (G): precisions not known" in lines
    assert "torch         missing                 pip install x" in lines


def test_a_machine_that_runs_nothing_is_unavailable(monkeypatch, capsys):
    broken = {**REPORT, "backends": [{**REPORT["backends"][0], "status": "broken"}, REPORT["backends"][1]]}
    monkeypatch.setattr(doctor, "examine_all", lambda progress: broken)
    with pytest.raises(UnavailableError, match="no backend"):
        commands.doctor(as_json=True)
    assert json.loads(capsys.readouterr().out) == broken  # the report comes all the same


def test_the_whole_report(monkeypatch):
    monkeypatch.setattr(doctor, "ENGINES", (BY_NAME["coreml"], BY_NAME["tensorrt"]))
    seen = []
    report = doctor.examine_all(seen.append)
    assert seen == ["coreml", "tensorrt"]
    assert report["schema"] == 1
    assert report["machine"]["threads"] >= 1
    assert {row["status"] for row in report["backends"]} <= {"missing", "no runner"}
    json.dumps(report)


def test_all_verbs_are_registered():
    app = typer.Typer()
    commands.register(app)
    assert set(typer.main.get_command(app).commands) == {"doctor", "build", "card", "upscale"}
    assert "torch" not in vars(doctor)
    assert sys.modules["runtimes.doctor"] is doctor
