"""Faults arrive in the real files: what runs then is the artifact with the fault, and nothing else changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.planted_faults.catalogue import FAULTS
from benchmarks.studies.planted_faults.fault import ConstantFault, OutputFault, PlantedFault
from benchmarks.studies.planted_faults.plant import Place, SpoiltRunner, computed, network_file, spoilt
from dlgsanet.errors import InputError
from runtimes.runner.contract import OutputError, Runner

LEVEL = 1 / 255
NAMED = {fault.name: fault for fault in FAULTS}
TILE = (1, 3, 24, 24)
LR = np.random.default_rng(0).random(TILE, dtype=np.float32)
FLAT = np.full(TILE, 0.5, np.float32)


def answer(runner: Runner, lr: np.ndarray) -> np.ndarray:
    with runner as run:
        return run.infer(lr)


def planted(name: str, place: Place, folder: Path) -> Runner:
    made = spoilt(NAMED[name], place, place.runner(), folder)
    assert made is not None
    return made


@pytest.mark.parametrize("target", ["onnxruntime-fp32", "openvino-fp32"])
@pytest.mark.parametrize("name", ["tint", "phases", "flat garbage"])
def test_operations_in_the_file_are_those_behind_the_runner(
    artifacts: Mapping[str, Place], tmp_path: Path, target: str, name: str
) -> None:
    place, fault = artifacts[target], NAMED[name]
    assert isinstance(fault, OutputFault)
    for lr in (LR, FLAT):
        in_file = answer(planted(name, place, tmp_path), lr)
        behind = answer(SpoiltRunner(place.runner(), computed(fault, place)), lr)
        assert float(np.abs(in_file - behind).max()) < 1e-5
    changed = np.abs(in_file - answer(place.runner(), FLAT)).max()
    assert changed > LEVEL or name == "phases"


@pytest.mark.parametrize(
    "target", ["onnxruntime-fp32", "onnxruntime-int8w", "openvino-fp32", "coreml-int8w", "tensorrt-fp16"]
)
def test_a_bias_of_the_last_convolution_makes_dots_in_one_colour(
    artifacts: Mapping[str, Place], tmp_path: Path, target: str
) -> None:
    place = artifacts[target]
    change = answer(planted("dots by a bias", place, tmp_path), LR) - answer(place.runner(), LR)
    dots = np.zeros_like(change)
    dots[:, 2, 0::4, 1::4] = 17 * LEVEL
    assert float(np.abs(change - dots).max()) < 0.3 * LEVEL


@pytest.mark.parametrize("target", ["onnxruntime-int8w", "openvino-fp32", "coreml-int8w"])
@pytest.mark.parametrize("name", ["first exchanged", "all in 4 bits", "temperatures lost"])
def test_constants_are_changed_where_they_lie(
    artifacts: Mapping[str, Place], tmp_path: Path, target: str, name: str
) -> None:
    place = artifacts[target]
    change = answer(planted(name, place, tmp_path), LR) - answer(place.runner(), LR)
    assert 1e-6 < float(np.abs(change).max()) < 5


def test_a_palette_is_changed_as_the_weights_that_it_makes(artifacts: Mapping[str, Place], tmp_path: Path) -> None:
    """Its indices lie flat in the package."""
    place = artifacts["coreml-pal8"]
    contents = network_file(place).contents()
    palettes = [it for it in contents.convolutions if not it.weight.is_float]
    assert palettes and all(it.weight.values.ndim == 4 and it.factors[0].values.ndim == 1 for it in palettes)
    for name in ("sign lost", "filters backwards", "late halved"):
        change = answer(planted(name, place, tmp_path), LR) - answer(place.runner(), LR)
        assert 1e-6 < float(np.abs(change).max()) < 5


@pytest.mark.parametrize("target", ["onnxruntime-int8w", "openvino-fp32", "coreml-int8w", "tensorrt-fp16"])
def test_files_without_a_change_are_the_artifact(artifacts: Mapping[str, Place], tmp_path: Path, target: str) -> None:
    place = artifacts[target]
    network = network_file(place)
    kept = {it.key: it.values for it in network.contents().floats}
    nothing = ConstantFault("nothing", "everything written as it was", lambda contents: kept)
    made = spoilt(nothing, place, place.runner(), tmp_path)
    assert made is not None
    np.testing.assert_array_equal(answer(made, LR), answer(place.runner(), LR))


def test_hashes_are_set_right(artifacts: Mapping[str, Place], tmp_path: Path) -> None:
    """Else every fault would be caught before it runs."""
    place = artifacts["onnxruntime-fp32"]
    assert np.isfinite(answer(planted("tint", place, tmp_path), LR)).all()
    file = tmp_path / place.artifact.path
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(InputError, match="changed"):
        answer(place.__class__(tmp_path, place.artifact, 4, "CPU", place.name, place.path).runner(), LR)


def test_what_runs_the_file_can_be_at_fault(artifacts: Mapping[str, Place], tmp_path: Path) -> None:
    place = artifacts["onnxruntime-fp32"]
    with planted("NaN", place, tmp_path) as run, pytest.raises(OutputError, match="NaN"):
        for _ in range(4):
            run.infer(LR)


def test_nothing_to_change_is_said(artifacts: Mapping[str, Place], tmp_path: Path) -> None:
    place = artifacts["onnxruntime-fp32"]
    assert spoilt(NAMED["ranges halved"], place, place.runner(), tmp_path) is None


@pytest.mark.parametrize("fault", [it for it in FAULTS if isinstance(it, OutputFault)], ids=lambda it: it.name)
def test_every_fault_behind_the_output_shows_somewhere(artifacts: Mapping[str, Place], fault: PlantedFault) -> None:
    assert isinstance(fault, OutputFault)
    place = artifacts["onnxruntime-fp32"]
    spoil = computed(fault, place)
    wild = np.random.default_rng(1).uniform(-0.1, 1.1, (1, 3, 96, 96)).astype(np.float32)
    blue = np.zeros(TILE, np.float32)
    blue[:, 2] = 1
    chequered = np.indices(TILE).sum(0).astype(np.float32) % 2
    inputs = (LR, FLAT, blue, chequered, np.zeros(TILE, np.float32), np.ones(TILE, np.float32))
    assert any(float(np.abs(spoil(wild, lr, 0) - wild).max()) > LEVEL / 2 for lr in inputs)
