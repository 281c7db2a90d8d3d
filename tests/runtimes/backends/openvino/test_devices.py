"""Devices are chosen by name, never by guess."""

from __future__ import annotations

import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.openvino.devices import require_openvino_device


def test_openvino_names():
    assert require_openvino_device("cpu", ["CPU"]) == "CPU"
    assert require_openvino_device("GPU", ["CPU", "GPU.0", "GPU.1"]) == "GPU"
    assert require_openvino_device("GPU.1", ["CPU", "GPU.0", "GPU.1"]) == "GPU.1"
    with pytest.raises(UnavailableError, match=r"no device 'NPU'.*available: CPU"):
        require_openvino_device("NPU", ["CPU"])
    with pytest.raises(InputError, match="chooses by itself"):
        require_openvino_device("AUTO", ["CPU"])
