from __future__ import annotations

import pytest

from runtimes.backends.onnxruntime.session import quiet_options


def test_threads_of_a_run_that_nobody_times_never_spin() -> None:
    ort = pytest.importorskip("onnxruntime")
    assert quiet_options(ort, 2, resting=True).get_session_config_entry("session.intra_op.allow_spinning") == "0"
    with pytest.raises(RuntimeError, match="does not have"):
        quiet_options(ort, 2).get_session_config_entry("session.intra_op.allow_spinning")
