"""The cost tables of the paper and of a recount."""

from __future__ import annotations

import pytest
import torch

from dlgsanet.network.config import ModelConfig, named_config
from dlgsanet.network.count import Size, lr_size, official_flops, parameters, true_macs
from dlgsanet.network.model import DLGSANet

PARAMETERS = {
    "tiny": (565_710, 572_205, 581_298),
    "light": (745_188, 751_683, 760_776),
    "nano": (77_932, 81_187, 85_744),
    "full": (4_733_724, 4_745_889, 4_762_920),
}
GIGA = {  # official counter x2, x3, x4; true multiply-adds x2, x3, x4; output 1280x720
    "tiny": ((128.09, 56.91, 32.02), (135.28, 60.76, 34.72)),
    "light": ((170.06, 75.55, 42.51), (178.29, 79.87, 45.47)),
    "full": ((1097.27, 487.56, 274.32), (1123.3, 500.34, 282.50)),
}


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameter_counts(variant: str) -> None:
    assert tuple(parameters(named_config(variant, scale)) for scale in (2, 3, 4)) == PARAMETERS[variant]


@pytest.mark.parametrize("variant", GIGA)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_published_and_true_costs(variant: str, scale: int) -> None:
    official, true = GIGA[variant]
    config, size = named_config(variant, scale), lr_size(scale)
    assert official_flops(config, size) / 1e9 == pytest.approx(official[scale - 2], abs=0.0051)
    assert true_macs(config, size) / 1e9 == pytest.approx(true[scale - 2], rel=2e-4)


@pytest.mark.parametrize("dynamic", [True, False])
def test_true_macs_match_what_the_convolutions_do(dynamic: bool) -> None:
    config = ModelConfig(24, 2, 1, 4, dynamic=dynamic)
    size = Size(50, 30)
    seen = []

    def count(module: torch.nn.Module, _: object, out: torch.Tensor) -> None:
        assert isinstance(module, torch.nn.Conv2d)
        seen.append(out[0].numel() * module.weight[0].numel())

    model = DLGSANet(config).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        model(torch.zeros(1, 3, size.height, size.width))
    filters = 2 * 49 * 24 * size.pixels if dynamic else 0
    attention = 2 * (2 * 24 * 4) * (2 * 48 * 30)  # two windows of 48 rows cover the 50 rows
    assert sum(seen) + filters + attention == true_macs(config, size)
