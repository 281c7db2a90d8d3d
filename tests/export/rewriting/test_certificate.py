from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from dlgsanet.errors import GateError
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.typed_json import encode
from export.rewriting.certificate import LIMIT, certify
from export.rewriting.rewrite import RewriteResult, rewrite
from export.targets.table import Target

MakeModel = Callable[..., DLGSANet]
Fault = Callable[[nn.Module], None]

TILE = (20, 26)
PICTURES = {"noise-picture": np.random.default_rng(0).integers(0, 256, (17, 23, 3), dtype=np.uint8)}
MIX = "deep_feature_extraction.0.body.0.IDynamicDWConv"
ATTENTION = "deep_feature_extraction.0.body.1.restormer_attn"


def rewritten(model: DLGSANet) -> RewriteResult:
    return rewrite(model, Target("openvino", "fp32", TILE))


def test_a_correct_rewrite_is_certified_on_every_case(make_model: MakeModel) -> None:
    model = make_model()
    seen: list[str] = []
    certificate = certify(model, rewritten(model).model, TILE, PICTURES, progress=seen.append)
    names = list(certificate.cases)
    assert names == seen
    assert {"random", "huge-mean", "near-zero-variance", "all-equal", "all-zero", "noise-picture"} == set(names)
    assert certificate.max_rel < 1e-12
    stored = json.loads(encode(certificate))
    assert stored["limit"] == LIMIT and set(stored["cases"]) == set(names)


def swap_taps(model: nn.Module) -> None:
    weight = model.get_submodule(f"{MIX}.dynamic.constant").weight
    weight.data[0, 0, 3, [2, 3]] = weight.data[0, 0, 3, [3, 2]]


def drop_a_bias(model: nn.Module) -> None:
    model.get_submodule(f"{ATTENTION}.pointwise.2").bias.data[0] = 0


def scale_a_temperature(model: nn.Module) -> None:
    model.get_submodule(ATTENTION).temperature[..., 0] *= 1 + 1e-6


def round_a_weight_to_float32(model: nn.Module) -> None:
    conv = model.get_submodule("upsample.0")
    conv.weight.data = (conv.weight.data * (1 + 2**-24)).float().double()


def poison(model: nn.Module) -> None:
    model.get_submodule("upsample.0").bias.data[0] = torch.nan


@pytest.mark.parametrize("fault", [swap_taps, drop_a_bias, scale_a_temperature, round_a_weight_to_float32, poison])
def test_a_planted_fault_is_refused(make_model: MakeModel, fault: Fault) -> None:
    model = make_model()
    result = rewritten(model)
    fault(result.model)
    with pytest.raises(GateError, match="differs from the reference"):
        certify(model, result.model, TILE, PICTURES)


def test_a_fault_at_the_border_only_is_refused(make_model: MakeModel) -> None:
    """Folding the input's mean is right everywhere but where the zero padding is seen."""
    model = make_model()
    result = rewritten(model)
    embed = result.model.overlap_embed[0].proj
    folded = nn.Conv2d(3, embed.out_channels, 3, padding=1, dtype=torch.float64)
    folded.weight.data = embed.weight.data
    folded.bias.data = -torch.einsum("oihw,i->o", embed.weight, result.model.mean.flatten())
    result.model.overlap_embed[0].proj = folded
    result.model.mean.zero_()
    with pytest.raises(GateError):
        certify(model, result.model, TILE, PICTURES)


def test_the_reference_is_not_touched(make_model: MakeModel) -> None:
    model = make_model()
    certify(model, rewritten(model).model, TILE, {})
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
