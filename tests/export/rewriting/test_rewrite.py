"""Every pass and every lowering, in float64 against the untouched reference, on small odd tiles."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from dlgsanet.errors import InputError
from dlgsanet.network.attention import SparseGSA
from dlgsanet.network.config import ACTIVATIONS
from dlgsanet.network.model import DLGSANet
from export.rewriting.passes.factor_filters import FACTOR_FILTERS
from export.rewriting.passes.mean_colour import FOLD_INPUT_MEAN
from export.rewriting.rewrite import HALF_ONLY, PASSES, RewriteResult, rewrite
from export.targets import table as targets
from export.targets.row import LOWERINGS
from export.targets.table import Target

MakeModel = Callable[..., DLGSANet]

EXACT = 1e-13  # float64 rounding of outputs of size 1
TILE = (13, 11)
IDLE = {FOLD_INPUT_MEAN.name, FACTOR_FILTERS.name}  # what an ordinary network gives nothing to do
GRID = (16, 24)  # windows of 12 pixels overlap in it, and begin and end on cells of 4x12


def error(model: DLGSANet, result: RewriteResult, tile: tuple[int, int] = TILE) -> float:
    reference = copy.deepcopy(model).double()
    lr = torch.rand(1, 3, *tile, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return float((result.model(lr) - reference(lr)).abs().max())


def small_windows(model: DLGSANet, window: int) -> DLGSANet:
    """The same network with windows so small that a small tile has several."""
    made = copy.deepcopy(model)
    for module in made.modules():
        if isinstance(module, SparseGSA):
            module.window = window
    return made


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize(("channels", "scale"), [(12, 2), (18, 3), (24, 4)])
def test_every_lowering_is_exact(make_model: MakeModel, lowering: str, channels: int, scale: int) -> None:
    model = small_windows(make_model(channels, scale), 5)
    result = rewrite(model, Target("openvino", "fp32", TILE), lowering_name=lowering)
    assert result.lowering == lowering
    assert error(model, result) < EXACT


@pytest.mark.parametrize("tile", [(1, 1), (1, 9), (7, 2), (48, 3), (49, 50)])
def test_odd_tiles_are_exact(make_model: MakeModel, tile: tuple[int, int]) -> None:
    model = make_model()
    assert error(model, rewrite(model, Target("openvino", "fp32", tile)), tile) < EXACT


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dynamic", [True, False])
def test_the_ablation_switches_are_exact(make_model: MakeModel, activation: str, dynamic: bool) -> None:
    model = small_windows(make_model(dynamic=dynamic, activation=activation), 6)
    assert error(model, rewrite(model, Target("openvino", "fp32", TILE))) < EXACT


@pytest.mark.parametrize("count", range(len(PASSES) + 1))
def test_the_network_is_exact_after_each_pass(make_model: MakeModel, count: int) -> None:
    model = small_windows(make_model(), 12)
    names = [step.name for step in PASSES[:count]]
    result = rewrite(model, Target("openvino", "fp32", GRID), only=names)
    assert sorted([*result.rewrites, *(step.name for step in result.refused)]) == sorted(names)
    # Those of fp16 targets come after the fast ones that leave them nothing: no target has both.
    assert {step.name for step in result.refused} <= IDLE | {step.name for step in HALF_ONLY}
    assert error(model, result, GRID) < EXACT


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.name)
def test_a_pass_with_what_it_needs_is_exact(make_model: MakeModel, step) -> None:
    model = small_windows(make_model(), 12)
    result = rewrite(model, Target("openvino", "fp32", GRID), only={step.name, *step.needs})
    assert (step.name in result.rewrites) is (step.name not in IDLE)
    assert all(done.places for done in result.applied)
    assert error(model, result, GRID) < EXACT


def test_the_input_mean_is_refused_with_the_reason(make_model: MakeModel) -> None:
    result = rewrite(make_model(), Target("openvino", "fp32", TILE))
    reasons = {step.name: step.reason for step in result.refused}
    assert reasons.keys() == IDLE and "border" in reasons["fold-input-mean"]


def test_a_static_network_has_nothing_to_lower(make_model: MakeModel) -> None:
    result = rewrite(make_model(dynamic=False), Target("openvino", "fp32", TILE))
    assert result.lowering == "static"
    reasons = {step.name: step.reason for step in result.refused}
    assert "static" in reasons["expose-filters"]
    assert "needs expose-filters" in reasons["lower-dynamic-conv"]


def test_a_pass_without_what_it_needs_is_refused(make_model: MakeModel) -> None:
    result = rewrite(make_model(), Target("openvino", "fp32", TILE), only=["split-qkv"])
    assert not result.applied
    assert "needs unroll-tlc" in result.refused[0].reason


def test_unknown_names_are_refused(make_model: MakeModel) -> None:
    target = Target("openvino", "fp32", TILE)
    with pytest.raises(InputError, match="did you mean basis"):
        rewrite(make_model(), target, lowering_name="bassis")
    with pytest.raises(InputError, match="did you mean split-qkv"):
        rewrite(make_model(), target, only=["split-qvk"])


def test_the_given_model_is_not_touched(make_model: MakeModel) -> None:
    model = make_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kinds = [type(module) for module in model.modules()]
    rewrite(model, Target("openvino", "fp32", TILE))
    assert [type(module) for module in model.modules()] == kinds
    for name, value in model.state_dict().items():
        assert value.dtype is torch.float32 and torch.equal(value, before[name])


def scaled(model: DLGSANet, part: int, factor: float) -> DLGSANet:
    """The same network with smaller queries (part 0) or keys (part 1)."""
    made = copy.deepcopy(model)
    for module in made.modules():
        if isinstance(module, SparseGSA):
            third = module.qkv.out_channels // 3
            module.qkv.weight[part * third : (part + 1) * third] *= factor
    return made


@pytest.mark.parametrize("left_out", [None, "scale-after-matmul", "attend-by-cells"])
@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("factor", [0.0, 1e-14])
def test_zero_and_tiny_queries_and_keys_are_exact(
    make_model: MakeModel, left_out: str | None, part: int, factor: float
) -> None:
    """Rows of zeros give zero; norms far below eps = 1e-12 are divided by eps, which leaves them short."""
    model = scaled(make_model(activation="identity"), part, factor)
    names = [step.name for step in PASSES if step.name != left_out]
    assert error(model, rewrite(model, Target("openvino", "fp32", TILE), only=names)) < EXACT


def test_tiny_queries_depend_on_what_divides_them(make_model: MakeModel) -> None:
    model = scaled(make_model(activation="identity"), 0, 1e-14)
    no_eps = rewrite(model, Target("openvino", "fp32", TILE))
    no_eps.model.get_submodule("deep_feature_extraction.0.body.1.restormer_attn").temperature.mul_(1.5)
    assert error(model, no_eps) > EXACT


def test_a_target_can_leave_passes_out(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("openvino", "fp32", TILE)
    row = replace(target.row, without=("split-gdfn", "split-qkv"))
    monkeypatch.setattr(targets, "TARGETS", (row,))
    result = rewrite(make_model(), target)
    reasons = {step.name: step.reason for step in result.refused}
    assert "left out for openvino-fp32" in reasons["split-gdfn"] and "needs" in reasons["attend-by-cells"]
    assert error(make_model(), result) < EXACT
