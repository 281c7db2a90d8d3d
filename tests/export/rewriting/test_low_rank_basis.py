"""The compressed basis: what is dropped, what is proven, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlgsanet.checkpoints import load_model
from dlgsanet.errors import GateError, InputError
from dlgsanet.network.layers import FilterNetwork
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.typed_json import to_json
from export import ExportOptions, export_bundle
from export.quantization.options import CalibrationOptions
from export.rewriting.certificate import certify
from export.rewriting.low_rank_basis import AUTO, compress, parse_rank
from export.rewriting.passes.factor_filters import factor
from export.rewriting.rewrite import rewrite
from export.targets.row import LOWERINGS
from export.targets.table import Target
from runtimes.bundle.manifest import read_manifest

MakeModel = Callable[..., DLGSANet]
PICTURES = {f"{s}.png": np.random.default_rng(s).integers(0, 256, (48, 56, 3), dtype=np.uint8) for s in range(2)}
TARGET = Target("openvino", "fp32", (12, 14))
ANY = 1e9


def ranks_of(model: DLGSANet) -> list[int]:
    weights = [m.conv2[0].weight[:, :, 0, 0] for m in model.modules() if isinstance(m, FilterNetwork)]
    return [int(torch.linalg.matrix_rank(weight, rtol=1e-11)) for weight in weights]


def test_the_rank_is_what_was_asked_for_and_the_given_network_stays(make_model: MakeModel) -> None:
    model = make_model(channels=24)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = compress(model, PICTURES, 2, ANY)
    assert found.basis.ranks == (2,) and ranks_of(found.model) == [2] and found.basis.full_rank == 6
    assert 0 < found.basis.lost[0] < 1 and to_json(found.basis)["ranks"] == [2]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_full_rank_changes_nothing(make_model: MakeModel) -> None:
    model = make_model(channels=24)
    found = compress(model, PICTURES, 6, 1e-9)
    assert found.basis.drop_db == 0 and found.basis.lost == (0.0,)
    for name, value in model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name], value.double())


def test_more_rank_loses_less_of_the_filters(make_model: MakeModel) -> None:
    model = make_model(channels=24)
    lost = [compress(model, PICTURES, rank, ANY).basis.lost[0] for rank in range(1, 7)]
    assert lost == sorted(lost, reverse=True) and lost[0] > lost[-1] == 0


def test_the_kept_directions_are_the_best_of_their_rank(make_model: MakeModel) -> None:
    """No other choice of two directions of z leaves less of the filters' energy on the same pictures."""
    model = make_model(channels=24)
    (network,) = [m for m in model.modules() if isinstance(m, FilterNetwork)]
    kept: list[torch.Tensor] = []
    handle = network.conv1.register_forward_hook(lambda m, i, z: kept.append(z.double()[0].flatten(1)))
    found = compress(model, PICTURES, 2, ANY)
    handle.remove()
    z = torch.cat(kept[2:4], 1)  # the runs that are watched follow the two that measure the PSNR
    centred = network.conv2[0].weight.double()[:, :, 0, 0] @ (z - z.mean(1, keepdim=True))
    energies = torch.linalg.svdvals(centred) ** 2
    assert found.basis.lost[0] == pytest.approx(float(energies[2:].sum() / energies.sum()), rel=1e-6)


def test_auto_takes_the_lowest_ranks_that_hold_the_drop(make_model: MakeModel) -> None:
    model = make_model(channels=24)
    tried: list[str] = []
    loose = compress(model, PICTURES, AUTO, ANY, tried.append)
    assert len(tried) == 1
    strict = compress(model, PICTURES, AUTO, 1e-7)
    assert abs(strict.basis.drop_db) <= 1e-7 and sum(strict.basis.ranks) >= sum(loose.basis.ranks)


def test_a_drop_that_does_not_hold_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(GateError, match="expected at most 1e-09"):
        compress(make_model(channels=24), PICTURES, 1, 1e-9)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_the_factored_basis_is_exact_for_the_compressed_network(make_model: MakeModel, lowering: str) -> None:
    found = compress(make_model(channels=24), PICTURES, 2, ANY)
    result = rewrite(found.model, TARGET, lowering_name=lowering)
    assert "factor-filters" in result.rewrites
    assert certify(found.model, result.model, TARGET.tile, {}).max_rel < 1e-12


def test_fewer_directions_are_fewer_convolutions(make_model: MakeModel) -> None:
    found = compress(make_model(channels=24), PICTURES, 2, ANY)
    mix = rewrite(found.model, TARGET).model.get_submodule("deep_feature_extraction.0.body.0.IDynamicDWConv")
    assert len(mix.dynamic.steered) == 2


def test_a_full_basis_is_left_alone(make_model: MakeModel) -> None:
    reasons = {step.name: step.reason for step in rewrite(make_model(), TARGET).refused}
    assert "fewer independent" in reasons["factor-filters"]
    assert factor(torch.randn(49, 5, dtype=torch.float64)) is None


def test_rounding_to_float32_is_not_taken_for_a_rank() -> None:
    """A matrix of rank 2 that went through float32 is of full rank to 1e-8, and dropping that would not be exact."""
    low = torch.randn(49, 2, dtype=torch.float64) @ torch.randn(2, 5, dtype=torch.float64)
    parts = factor(low)
    assert parts is not None and torch.allclose(parts[0] @ parts[1], low, rtol=0, atol=1e-13)
    assert factor(low.float().double()) is None


@pytest.mark.parametrize(("rank", "words"), [(0, "1 to 3"), (4, "1 to 3"), ("most", "auto or 1")])
def test_wrong_ranks_are_refused(make_model: MakeModel, rank: int | str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        compress(make_model(), PICTURES, rank, ANY)


def test_what_cannot_be_compressed_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(InputError, match="static"):
        compress(make_model(dynamic=False), PICTURES, 1, ANY)
    with pytest.raises(InputError, match="calibration image"):
        compress(make_model(), {}, 1, ANY)


def test_the_option_is_a_number_or_auto() -> None:
    assert [parse_rank(text) for text in (None, "auto", "7")] == [None, "auto", 7]
    with pytest.raises(InputError, match="whole number"):
        parse_rank("-1")


def test_a_bundle_says_what_was_dropped_and_keeps_the_untouched_network(checkpoint: Path, tmp_path: Path) -> None:
    """And that a benchmark was learnt from: in a warning, in the manifest and on the card."""
    (tmp_path / "Set5").mkdir()
    Image.fromarray(PICTURES["0.png"]).save(tmp_path / "Set5" / "0.png")
    calibration = CalibrationOptions(str(tmp_path / "Set5"))
    options = ExportOptions(("onnxruntime-fp32",), ((20, 20),), calibration=calibration, basis_rank=1, max_drop=ANY)
    said: list[str] = []
    export_bundle(checkpoint, tmp_path / "b", options, said.append)
    manifest = read_manifest(tmp_path / "b")
    (artifact,) = manifest.artifacts
    assert artifact.id == "onnxruntime-fp32-lowrank-20x20" and artifact.variant == "lowrank"
    assert artifact.graph.basis.ranks == (1,) and "factor-filters" in artifact.rewrites
    assert manifest.calibration is not None and manifest.calibration.images.keys() == {"0.png"}
    assert manifest.calibration.benchmarks == ("Set5",)
    assert [line for line in said if line.startswith("warning: calibration images are of Set5: ")]
    assert "figures of this bundle on Set5 are not held-out ones" in (tmp_path / "b" / "README.md").read_text()
    ours, theirs = load_model(tmp_path / "b" / manifest.reference.checkpoint), load_model(checkpoint)
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())
