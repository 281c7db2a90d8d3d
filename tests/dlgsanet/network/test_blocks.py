"""The network step by step is the network, and every block can be run by itself."""

from __future__ import annotations

import pytest
import torch

from dlgsanet.network.blocks import steps
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet


@pytest.mark.parametrize("dynamic", [True, False])
def test_steps_in_order_are_the_network(dynamic: bool) -> None:
    torch.manual_seed(0)
    model = DLGSANet(ModelConfig(12, 2, 2, 2, dynamic)).eval()
    lr = torch.rand(1, 3, 10, 13)
    values = {"lr": lr}
    with torch.inference_mode():
        for step in steps(model):
            values[step.name] = step.run(*(values[name] for name in step.reads))
        assert torch.equal(values["sr"], model(lr))
    assert list(values)[:6] == ["lr", "shallow", "g0.b0.mhdlsa", "g0.b0.mhdlsa.gdfn", "g0.b0.gsa", "g0.b0.gsa.gdfn"]
    assert list(values)[-3:] == ["g1.conv", "deep", "sr"] and len(values) == 1 + 1 + 2 * (2 * 4 + 1) + 2
    assert all(value.shape == (1, 12, 10, 13) for name, value in values.items() if name not in ("lr", "sr"))
