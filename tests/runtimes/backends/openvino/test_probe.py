"""The probe lists only precisions that really ran."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from runtimes.backends.openvino import probe as openvino_probe
from runtimes.machine.processor import Device
from runtimes.runner import contract


def test_openvino_lists_only_precisions_that_ran(monkeypatch):
    openvino = pytest.importorskip("openvino")
    monkeypatch.setattr(openvino_probe, "reported_precision", lambda compiled: "fp32")
    cpu = next(device for device in openvino_probe.probe(openvino) if device.name == "CPU")
    assert "fp32" in cpu.precisions
    assert not {"bf16", "fp16"} & set(cpu.precisions)


def test_int8_is_not_listed_where_the_processor_spoils_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_probe, "openvino_devices", lambda engine: [Device("CPU", "", ("fp32", "int8"))])
    monkeypatch.setattr(openvino_probe, "prove", lambda core, device, hint: hint)
    monkeypatch.setattr(openvino_probe, "reported_precision", lambda hint: "fp32")
    for no_vnni, promised in ((True, ("fp32",)), (False, ("fp32", "int8"))):
        monkeypatch.setattr(contract, "overflows_int8", lambda found=no_vnni: found)
        (device,) = openvino_probe.probe(SimpleNamespace(Core=object))
        assert device.precisions == promised
