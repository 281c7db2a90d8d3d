"""The turned stream against the reference's LayerNorm, up to means that cost digits everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from dlgsanet.network.layers import LayerNorm
from dlgsanet.network.model import DLGSANet
from export.rewriting.passes.layer_norm import NchwLayerNorm
from export.rewriting.passes.residual_stream import Rescale, reflection
from export.rewriting.rewrite import rewrite
from export.targets.table import Target

MakeModel = Callable[..., DLGSANet]
C = 24
UNIT = 2.0**-53


def features(ratio: float) -> torch.Tensor:
    """(1, C, 6, 5) float64 whose channels have this |mean| / standard deviation."""
    noise = torch.randn(1, C, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return noise + ratio


def reference(x: torch.Tensor) -> torch.Tensor:
    return LayerNorm(C).double()(x)


def turned(x: torch.Tensor) -> torch.Tensor:
    h = reflection(C, torch.float64)
    return torch.einsum("oi,nihw->nohw", h, Rescale(C, torch.float64)(torch.einsum("oi,nihw->nohw", h, x)))


def in_place(x: torch.Tensor) -> torch.Tensor:
    return NchwLayerNorm(LayerNorm(C).double())(x)


@pytest.mark.parametrize("form", [turned, in_place])
@pytest.mark.parametrize("ratio", [0.0, 1.0, 1e2, 1e4])
def test_the_forms_of_layer_norm_agree_to_the_limit(form: Callable[..., torch.Tensor], ratio: float) -> None:
    x = features(ratio)
    with torch.no_grad():
        assert float((form(x) - reference(x)).abs().max()) <= 1e-10


@pytest.mark.parametrize("form", [turned, in_place])
@pytest.mark.parametrize("ratio", [1e6, 1e9])
def test_beyond_it_the_bound_grows_with_the_ratio(form: Callable[..., torch.Tensor], ratio: float) -> None:
    x = features(ratio)
    with torch.no_grad():
        assert float((form(x) - reference(x)).abs().max()) <= 64 * UNIT * ratio


@pytest.mark.parametrize("form", [turned, in_place])
def test_equal_channels_and_variances_far_below_eps(form: Callable[..., torch.Tensor]) -> None:
    for x in (
        torch.full((1, C, 3, 3), 0.7, dtype=torch.float64),
        1e-9 * features(0.5),
        torch.zeros(1, C, 2, 2).double(),
    ):
        with torch.no_grad():
            assert float((form(x) - reference(x)).abs().max()) <= 1e-10


def test_the_reflection_is_orthogonal_and_starts_with_the_mean() -> None:
    h = reflection(C, torch.float64)
    assert torch.allclose(h @ h, torch.eye(C, dtype=torch.float64), atol=1e-15)
    assert torch.allclose(h[0], torch.full((C,), C**-0.5, dtype=torch.float64))


def test_a_stream_turned_by_another_angle_is_seen(make_model: MakeModel) -> None:
    model = make_model()
    result = rewrite(model, Target("openvino", "fp32", (9, 8)))
    x = torch.rand(1, 3, 9, 8, dtype=torch.float64)
    right = result.model(x)
    result.model.overlap_embed[0].proj.weight[[0, 1]] = result.model.overlap_embed[0].proj.weight[[1, 0]]
    assert float((result.model(x) - right).abs().max()) > 1e-6
