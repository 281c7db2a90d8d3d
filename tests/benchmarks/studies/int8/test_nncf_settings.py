"""The study of NNCF's settings: each trial changes what its name says, and the table tells what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.int8 import nncf_settings as openvino_study
from benchmarks.studies.int8.nncf_settings import TRIALS, USED, NncfSettings, quantized, study, table
from dlgsanet.imaging.files import write_picture
from export.backends.openvino.quantize import convolutions, dense_by_name
from export.quantization.layers import CONV, chosen_by_default, role
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph
from tests.export.conftest import MakeModel

pytest.importorskip("nncf")

TILE = (20, 24)


@pytest.fixture(scope="module")
def source(make_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study") / "source.onnx"
    graph = build_graph(make_model(), Target("openvino", "int8", TILE), Variant("small", "basis"))
    place.write_bytes(graph.data)
    return place


def quantizers(source: Path, name: str) -> set[str]:
    """The convolutions whose input a trial quantizes."""
    tiles = np.random.default_rng(0).random((2, 3, *TILE), np.float32)
    made = quantized(source, tiles, TRIALS[name])
    reads = ((conv, op.input(0).get_source_output().get_node()) for conv, op in convolutions(made))
    return {conv for conv, op in reads if op.get_type_name() == "FakeQuantize"}


def test_a_trial_quantizes_the_default_layers_but_those_it_leaves(source: Path) -> None:
    import openvino

    default = chosen_by_default(dense_by_name(openvino.Core().read_model(source)), rounded=False)
    assert quantizers(source, USED) == set(default)
    left = {name for name in default if role(name.removesuffix(CONV)) == "body"}
    assert left and quantizers(source, "without `body`") == set(default) - left


def test_weights_can_stay_exact(source: Path) -> None:
    name = next(trial for trial in TRIALS if trial.startswith("weights not rounded"))
    tiles = np.random.default_rng(0).random((2, 3, *TILE), np.float32)
    found = [dict(convolutions(quantized(source, tiles, TRIALS[trial]))) for trial in (USED, name)]
    conv = next(name for name in found[0] if role(name.removesuffix(CONV)) == "body")
    kinds = [model[conv].input(1).get_source_output().get_node().get_type_name() for model in found]
    assert kinds == ["Multiply", "Constant"]


def test_a_study_ends_in_a_table(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage")
    monkeypatch.setattr(openvino_study, "TILE", TILE)
    monkeypatch.setattr(openvino_study, "TRIALS", {USED: TRIALS[USED]})
    write_picture(tmp_path / "HR" / "a.png", np.random.default_rng(0).integers(0, 256, (80, 96, 3)).astype(np.uint8))
    found = study(str(checkpoint), tmp_path / "HR")
    write_study(tmp_path / "s.json", found)
    (row,) = read_study(NncfSettings, tmp_path / "s.json").rows
    assert 10 < row.to_float_worst_db <= row.to_float_db < 100 and row.drop_db == row.drop_worst_db
    assert f"| {USED} | {row.to_float_db:.1f} / {row.to_float_worst_db:.1f} |" in table([found])
