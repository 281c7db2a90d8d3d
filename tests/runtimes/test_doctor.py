"""The doctor says ok only of what computed the right thing; missing and broken engines are told apart."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib import import_module
from types import SimpleNamespace

import pytest
import typer

from dlgsanet.command_line.voice import PLAIN
from dlgsanet.errors import UnavailableError
from export.targets.table import TARGETS
from runtimes import commands, doctor
from runtimes.backends import registry
from runtimes.backends.interface.backend import Backend
from runtimes.backends.interface.engines import Engine
from runtimes.backends.interface.plug_ins import GROUP
from runtimes.backends.openvino.devices import native_precisions
from runtimes.backends.openvino.layers import TYPES
from runtimes.backends.registry import BUILT_IN
from runtimes.commands import DoctorOptions
from runtimes.doctor import Finding, Machine, Report, examine
from runtimes.machine.processor import Device


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "torch"])
def test_an_installed_engine_is_proved(name):
    pytest.importorskip(name)
    finding = examine(BUILT_IN[name])
    assert finding.status == "ok", finding.note
    assert finding.version
    assert finding.devices[0].name.lower().startswith("cpu")
    assert "fp32" in finding.devices[0].precisions


@pytest.mark.parametrize("name", ["openvino", "coreml", "litert", "executorch"])
def test_no_precision_is_promised_that_export_makes_no_file_of(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an engine that has all that its probe asks for."""
    probe = import_module(f"runtimes.backends.{name}.probe")
    monkeypatch.setattr(probe, "prove", lambda *asked: asked[-1] if asked else None)
    if name == "openvino":
        device = Device("NPU", "", native_precisions(("FP32", "FP16", "BF16", "INT8")))
        monkeypatch.setattr(probe, "openvino_devices", lambda engine: [device])
        monkeypatch.setattr(probe, "reported_precision", lambda hint: TYPES[hint])
    devices = BUILT_IN[name].probe(SimpleNamespace(Core=object))
    assert not isinstance(devices, str)
    promised = {precision for device in devices for precision in device.precisions}
    assert "fp32" in promised and promised <= {row.precision for row in TARGETS if row.backend == name}


def stand_in(name: str, module: str, extra: str) -> Backend:
    return Backend(Engine(name, module, extra), "stand-in", lambda engine: ())


def test_a_missing_engine_names_its_extra():
    finding = examine(stand_in("nothing", "no_such_engine", "openvino"))
    assert finding.status == "missing"
    assert finding.note == 'pip install "dlgsanet-edge[openvino]"'


@pytest.fixture
def plug_in(tmp_path, monkeypatch) -> Iterator[Callable[[str, str], None]]:
    """`plug_in(name, source)`: a backend that a package of others brings, here and in child processes."""

    def install(name: str, source: str) -> None:
        package, facts = tmp_path / f"{name}_package", tmp_path / f"{name}-1.dist-info"
        package.mkdir()
        facts.mkdir()
        (package / "__init__.py").write_text("")
        (package / "runtime.py").write_text(source)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (facts / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}_package\n")

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    registry._others.cache_clear()
    yield install
    registry._others.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0].endswith("_package")]:
        del sys.modules[name]


PLUG_IN = """
from runtimes.backends import Backend, Engine

def probe(engine):
    {probe}

BACKEND = Backend(Engine("plug", "json", ""), "stand-in", probe)
"""


@pytest.mark.parametrize(
    ("probe", "status", "note"),
    [
        ("return 'builds only'", "builds", "builds only"),
        ("raise OSError('libbroken.so: cannot open')", "broken", "libbroken.so: cannot open"),
        ("import os; os.kill(os.getpid(), 11)", "broken", "SIGSEGV"),
        ("import time; time.sleep(60)", "broken", "did not end within 1 s"),
    ],
)
def test_a_crash_and_a_hang_are_findings(plug_in, probe, status, note):
    plug_in("plug", PLUG_IN.format(probe=probe))
    finding = examine(registry.find_backend("plug"), timeout_s=1 if "sleep" in probe else 60)
    assert finding.status == status
    assert note in finding.note


def test_an_entry_that_cannot_be_read_is_one_row_of_the_report(plug_in, monkeypatch):
    plug_in("plug", "raise ImportError('no libplug')")
    plug_in("openvino", PLUG_IN.format(probe="return ()"))
    monkeypatch.setattr(registry, "BUILT_IN", {"openvino": BUILT_IN["openvino"]})
    monkeypatch.setattr(doctor, "examine", lambda backend: Finding(backend.name, "ok", None, (), "", ""))
    rows = {row.name: row for row in doctor.examine_all().backends}
    assert rows["openvino"].status == "ok"
    assert rows["plug"].status == rows["openvino (openvino_package)"].status == "broken"
    assert rows["plug"].note == "backend 'plug' of package 'plug_package' cannot be used: ImportError: no libplug"
    assert "another backend has this name" in rows["openvino (openvino_package)"].note


REPORT = Report(
    1,
    Machine("S", "3", "C", 2, None),
    (
        Finding("openvino", "ok", "1", (Device("CPU", "C", ("fp32", "bf16")), Device("GPU", "G", ())), "r", ""),
        Finding("torch", "missing", None, (), "r", "pip install x"),
    ),
)


def plain(report: Report) -> dict:
    """As its JSON is read back."""
    return json.loads(json.dumps(asdict(report)))


def test_the_verb_prints_lines_or_json(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine_all", lambda progress: REPORT)
    commands.doctor(DoctorOptions(as_json=True), PLAIN)
    assert json.loads(capsys.readouterr().out) == plain(REPORT)
    commands.doctor(DoctorOptions(as_json=False), PLAIN)
    lines = capsys.readouterr().out.splitlines()
    assert "openvino      ok         1            CPU (C): fp32 bf16" in lines
    assert "openvino      ok         1            GPU (G): precisions not known" in lines
    assert "torch         missing                 pip install x" in lines


def test_a_machine_that_runs_nothing_is_unavailable(monkeypatch, capsys):
    broken = replace(REPORT, backends=(replace(REPORT.backends[0], status="broken"), REPORT.backends[1]))
    monkeypatch.setattr(doctor, "examine_all", lambda progress: broken)
    with pytest.raises(UnavailableError, match="no backend"):
        commands.doctor(DoctorOptions(as_json=True), PLAIN)
    assert json.loads(capsys.readouterr().out) == plain(broken)  # the report comes all the same


def test_the_whole_report(monkeypatch):
    monkeypatch.setattr(doctor, "backends", lambda: {name: BUILT_IN[name] for name in ("coreml", "tensorrt")})
    seen = []
    report = doctor.examine_all(seen.append)
    assert seen == ["coreml", "tensorrt"]
    assert report.schema == 1
    assert report.machine.threads >= 1
    assert {row.status for row in report.backends} <= {"missing", "no runner"}
    assert list(plain(report)) == ["schema", "machine", "backends"]


def test_all_verbs_are_registered():
    app = typer.Typer()
    commands.register(app)
    assert set(typer.main.get_command(app).commands) == {"doctor", "build", "card", "repository", "upscale", "verify"}
    assert "torch" not in vars(doctor)
    assert sys.modules["runtimes.doctor"] is doctor
