"""Code that ends its process is one line that names it, and what watches over the process still can."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from export.networks.torch_module.ending import refuses_to_end
from export.networks.torch_module.tracing import trace


@pytest.mark.parametrize(("name", "words"), [
    ("ending", r"ends its process \(os._exit\(3\) at their_networks.*\.py:\d+\)"),
    ("ending_at_once", r"ends its process \(os._exit\(0\) at their_networks.*\.py:\d+\)"),
])  # fmt: skip
def test_a_network_that_ends_its_process_is_refused(
    theirs: Callable[[str], str], tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        trace("torch", theirs(name), ((20, 28),), tmp_path / "a.onnx", lambda said: None)


def test_another_thread_may_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []

    def end(status: int) -> None:
        ends.append(status)
        raise SystemExit  # which ends the thread, as the process would have

    def watch() -> None:
        with suppress(SystemExit):
            os._exit(7)

    monkeypatch.setattr(os, "_exit", end)
    before = os._exit
    with refuses_to_end("a:b"):
        with pytest.raises(InputError, match="ends its process"):
            os._exit(1)
        watching = threading.Thread(target=watch)
        watching.start()
        watching.join()
    assert ends == [7] and os._exit is before
