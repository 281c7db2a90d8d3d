"""The folder inside of a program: as the delegate writes it, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dlgsanet.errors import InputError
from runtimes.backends.executorch.layers import ProgramFile
from runtimes.backends.executorch.memory_folder import read_folder
from tests.runtimes.backends.executorch.executorch_kit import TINY_COREML


def node(name: str, offset: int = 0, size: int = 0, **children: int) -> dict[str, Any]:
    region = {"offset": offset, "size": size}
    return {"name": name, "kind": 1 if children else 0, "children": children, "dataRegion": region}


def block(data: bytes, *nodes: dict[str, Any]) -> bytes:
    return data + json.dumps({"nodes": nodes}).encode()[::-1]


def test_files_are_found_by_their_paths() -> None:
    made = block(b"abcdef", node("a", 0, 2), node("b", 2, 4), node("in", b=1), node("", a=0, **{"in": 2}))
    assert read_folder(made) == {"a": b"ab", "in/b": b"cdef"}


def test_the_delegates_own_is_read() -> None:
    ((_, held),) = ProgramFile(TINY_COREML).delegates
    files = read_folder(held)
    assert json.loads(files["metadata.json"])["inputNames"] == ["lr"]
    assert "model.mlpackage/Data/com.apple.CoreML/model.mlmodel" in files


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Expecting value"),
        (b"abc", "Expecting value"),
        (b"[" * 100_000, "too deep"),
        (b"{}"[::-1], "field 'nodes' is missing"),
        (block(b"ab", node("a", 1, 2000), node("", a=0)), "'a' ends behind"),
        (block(b"ab", node("a", -1, 1), node("", a=0)), "at least 0"),
        (block(b"ab", node("x", y=1), node("y", x=0), node("", x=0)), "no tree"),
        (block(b"ab", node("x", y=7), node("z")), "no tree"),
        (block(b"ab"), "no tree"),
    ],
)
def test_what_is_none_is_refused(data: bytes, said: str) -> None:
    with pytest.raises((ValueError, InputError), match=said):
        read_folder(data)
