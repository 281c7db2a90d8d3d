from __future__ import annotations

import pytest

from runtimes.machine.exit_name import exit_name


@pytest.mark.parametrize(
    ("code", "name"), [(None, "it does not answer"), (3, "exit code 3"), (-9, "SIGKILL"), (-999, "exit code -999")]
)
def test_how_a_process_ended(code: int | None, name: str) -> None:
    assert exit_name(code) == name
