"""A probe says ok only of what computed the right thing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dlgsanet.errors import BackendError
from runtimes.backends.onnxruntime.probe import probe
from runtimes.probe_network import expected


def test_a_wrong_result_is_caught():
    """The planted fault: engines that run without an error and compute something else."""

    class Session:
        def __init__(self, *_, **__):
            pass

        def get_providers(self):
            return ["CPUExecutionProvider"]

        def run(self, *_):
            return [expected() + 0.003]

    engine = SimpleNamespace(
        get_available_providers=lambda: ["CPUExecutionProvider"],
        SessionOptions=SimpleNamespace,
        InferenceSession=Session,
    )
    with pytest.raises(BackendError, match="wrong result"):
        probe(engine)
    Session.run = lambda self, *_: [expected()]
    assert probe(engine)[0].name == "CPUExecutionProvider"
