"""What a `.pte` file was compiled to is read from the file alone: ExecuTorch itself is not needed."""

from __future__ import annotations

from contextlib import suppress

import pytest

from runtimes.backends.executorch.layers import ProgramFile
from runtimes.runner.work_by_precision import Layer
from tests.runtimes.backends.executorch.executorch_kit import TINY


def test_layers_and_what_is_left_are_read() -> None:
    program = ProgramFile(TINY)
    assert program.layers == (Layer("fp32", 8 * 8 * 12 * 3 * 9),)
    assert program.precision == "fp32"
    assert program.left == {}


@pytest.mark.parametrize("data", [b"", b"\0" * 64, TINY[:40], TINY[:400], TINY.replace(b"ET12", b"ET13")])
def test_what_is_no_program_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|not a program|fit together"):
        _ = ProgramFile(data).left, ProgramFile(data).layers


@pytest.mark.parametrize("place", range(0, len(TINY), 7))
def test_changed_bytes_are_read_or_a_value_error(place: int) -> None:
    data = bytearray(TINY)
    data[place] ^= 0xFF
    with suppress(ValueError):
        _ = ProgramFile(bytes(data)).left, ProgramFile(bytes(data)).precision
