"""A factory is told from a file, and what is wrong with it is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from export.networks.torch_module.factory import is_factory, load_factory


@pytest.mark.parametrize("name", ["package.module:factory", "networks:make_4x"])
def test_a_factory_has_a_module_and_a_name(name: str) -> None:
    assert is_factory(name)


@pytest.mark.parametrize("name", ["nano-x4", "other.onnx", r"C:\weights.pth", "C:weights", "a/b.py:make", ":make"])
def test_a_file_is_no_factory(name: str) -> None:
    assert not is_factory(name)


def test_a_file_of_such_a_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("networks:make").touch()
    assert not is_factory("networks:make")


def test_a_factory_is_called(theirs: Callable[[str], str]) -> None:
    assert type(load_factory(theirs("network")).module).__name__ == "Network"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "failed: KeyError: 'weights'"),
        ("leaving", "failed: SystemExit: 0"),
        ("number", r"expected '?their_networks:number'? to return a torch.nn.Module, found int"),
        ("lacking", "has no attribute 'lacking'"),
    ],
)
def test_what_is_wrong_with_it_is_said(theirs: Callable[[str], str], name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_factory(theirs(name))


def test_a_module_that_is_not_here_is_named() -> None:
    with pytest.raises(InputError, match="needs nowhere_to_be_found, which is not here: install it"):
        load_factory("nowhere_to_be_found:make")
