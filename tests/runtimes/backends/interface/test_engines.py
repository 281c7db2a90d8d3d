"""An engine that is not there is a reason; one whose import was interrupted is no such thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlgsanet.errors import UnavailableError
from runtimes.backends.interface.engines import Engine

INTERRUPTED = """
try:
    raise KeyboardInterrupt
except KeyboardInterrupt as error:
    raise ImportError("initialization failed") from error
"""


def engine(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> Engine:
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    return Engine("toy", name, "toys")


def test_one_that_is_not_there_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=r"^toy is not usable here \(broken\); install it: .*\[toys\]"):
        engine(tmp_path, monkeypatch, "toy_broken", "raise ImportError('broken')").load()


@pytest.mark.parametrize("wrapped", [False, True])
def test_ctrl_c_while_a_native_module_begins_is_no_missing_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    """pybind11 tells what was raised within its start as an ImportError from that; a package may wrap it once more."""
    found = engine(tmp_path, monkeypatch, "toy_native", INTERRUPTED)
    if wrapped:
        lines = "try:\n    import toy_native\nexcept ImportError:\n    raise ImportError('no toy')"
        found = engine(tmp_path, monkeypatch, "toy_package", lines)
    with pytest.raises(KeyboardInterrupt):
        found.load()
