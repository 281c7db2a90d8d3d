"""Execution providers are chosen by name, never by guess."""

from __future__ import annotations

import pytest

from dlgsanet.errors import UnavailableError
from runtimes.backends.onnxruntime.devices import require_provider

PROVIDERS = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def test_providers():
    assert require_provider("CPU", PROVIDERS) == "CPUExecutionProvider"
    assert require_provider("cuda", PROVIDERS) == "CUDAExecutionProvider"
    assert require_provider("TensorrtExecutionProvider", PROVIDERS) == "TensorrtExecutionProvider"
    assert require_provider("GPU", PROVIDERS) == "CUDAExecutionProvider"
    with pytest.raises(UnavailableError, match=r"no device 'GPU'.*available: CPUExecutionProvider"):
        require_provider("GPU", PROVIDERS[2:])
    with pytest.raises(UnavailableError):
        require_provider("", PROVIDERS)
