"""The probe lists only precisions that really ran."""

from __future__ import annotations

import pytest

from runtimes.backends.openvino import probe as openvino_probe


def test_openvino_lists_only_precisions_that_ran(monkeypatch):
    openvino = pytest.importorskip("openvino")
    monkeypatch.setattr(openvino_probe, "reported_precision", lambda compiled: "fp32")
    cpu = next(device for device in openvino_probe.probe(openvino) if device.name == "CPU")
    assert "fp32" in cpu.precisions
    assert not {"bf16", "fp16"} & set(cpu.precisions)
