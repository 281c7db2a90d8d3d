"""The traced file is the module, or there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from dlgsanet.errors import BackendError, GateError, InputError
from export.networks.torch_module import tracing
from export.networks.torch_module.loaded import LoadedModule
from export.networks.torch_module.tracing import TraceJob, traced

Theirs = Callable[[str], str]


def job(theirs: Theirs, name: str, file: Path, changing: bool = False) -> TraceJob:
    return TraceJob("torch", theirs(name), ((20, 28),), str(file), changing)


def test_a_file_for_one_size_computes_what_the_module_does(theirs: Theirs, tmp_path: Path) -> None:
    found = traced(job(theirs, "of_one_size", tmp_path / "a.onnx"))
    assert (found.multiple, found.certificate.arithmetic) == (1, "float64")
    assert 0 < found.certificate.max_rel < 1e-6
    lr = torch.rand(1, 3, 20, 28, generator=torch.Generator().manual_seed(1))
    expected = tracing.FAMILIES["torch"](theirs("of_one_size")).module(lr).detach().numpy()
    (sr,) = ReferenceEvaluator(str(tmp_path / "a.onnx")).run(["sr"], {"lr": lr.numpy()})
    np.testing.assert_allclose(sr, expected, atol=1e-6)


def test_inputs_with_defaults_are_left_out(theirs: Theirs, tmp_path: Path) -> None:
    traced(job(theirs, "of_two_inputs", tmp_path / "a.onnx"))
    assert [value.name for value in onnx.load(tmp_path / "a.onnx").graph.input] == ["lr"]


def test_a_module_of_two_pictures_is_refused_before_it_is_recorded(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "require_same_again", lambda *_: pytest.fail("it was run"))
    with pytest.raises(InputError, match="to take one picture, found a module that takes x, other:"):
        traced(job(theirs, "of_two_pictures", tmp_path / "a.onnx"))


def test_a_module_in_half_is_traced_in_single(theirs: Theirs, tmp_path: Path) -> None:
    assert traced(job(theirs, "in_half", tmp_path / "a.onnx")).certificate.max_rel < 1e-6


def test_sizes_change_where_the_module_lets_them(theirs: Theirs, tmp_path: Path) -> None:
    assert traced(job(theirs, "network", tmp_path / "a.onnx", True)).multiple == 1
    (given,) = onnx.load(tmp_path / "a.onnx").graph.input
    assert [side.dim_value for side in given.type.tensor_type.shape.dim] == [1, 3, 0, 0]
    with pytest.raises(BackendError, match=r"torch\.onnx\.export does not take"):
        traced(job(theirs, "of_one_size", tmp_path / "b.onnx", True))


def test_a_file_that_is_not_the_module_is_no_file(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tracing.open_untouched

    def faulty(path: Path, *rest: object, **options: object) -> object:
        model = onnx.load(path)
        biases = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 1 and tensor.dims[0] == 8]
        biases[0].CopyFrom(numpy_helper.from_array(numpy_helper.to_array(biases[0]) + 0.1, biases[0].name))
        onnx.save(model, path)
        return real(path, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tracing, "open_untouched", faulty)
    with pytest.raises(GateError, match="the traced file differs from the module"):
        traced(job(theirs, "network", tmp_path / "b.onnx"))


def test_a_module_that_gives_another_picture_each_time_is_refused(theirs: Theirs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'their_networks:counting' gives another picture each time, and"):
        traced(job(theirs, "counting", tmp_path / "a.onnx"))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"multiple": 16}, "takes sides that are multiples of 16 from 1 on, found a tile of 20x28"),
        ({"minimum": 24}, "multiples of 1 from 24 on"),
        ({"square": True}, "both equal, found a tile of 20x28"),
    ],
)
def test_a_tile_that_the_module_does_not_take_is_refused(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: dict[str, int], words: str
) -> None:
    def strict(name: str) -> LoadedModule:
        return replace(LoadedModule(torch.nn.Identity()), **rule)  # type: ignore[arg-type]

    monkeypatch.setattr(tracing, "FAMILIES", {"torch": strict})
    with pytest.raises(InputError, match=words):
        traced(job(theirs, "network", tmp_path / "a.onnx"))
