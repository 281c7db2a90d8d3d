"""The network as a CPU user has it today: the dynamic convolution through `F.unfold`.

The official code runs its filters in a CUDA-only kernel; the usual replacement unfolds every 7x7
neighbourhood (49 copies of the activations) and sums the products. It is the baseline of every speed claim.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from dlgsanet.errors import InputError
from dlgsanet.network.config import KERNEL
from dlgsanet.network.layers import MHDLSA
from dlgsanet.network.model import DLGSANet, LocalBlock


class UnfoldedMHDLSA(MHDLSA):
    """MHDLSA with the same parameters and the textbook evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        u = self.conv0(x)
        n, c, h, w = u.shape
        filters = self.conv(u).view(n, -1, 1, KERNEL * KERNEL, h, w)
        patches = F.unfold(u, KERNEL, padding=KERNEL // 2)
        patches = patches.view(n, filters.shape[1], c // filters.shape[1], KERNEL * KERNEL, h, w)
        mixed = (filters * patches).sum(3).view(n, c, h, w)
        out: Tensor = self.conv1(mixed)
        return out


def official_form(model: DLGSANet) -> DLGSANet:
    """A copy of the model, same weights, that unfolds. Raises InputError for a static network."""
    if not model.config.dynamic:
        raise InputError("expected dynamic filters, found the static ablation: it has no unfolded form")
    twin = DLGSANet(model.config)
    for module in twin.modules():
        if isinstance(module, LocalBlock):
            module.IDynamicDWConv = UnfoldedMHDLSA(model.config)
    twin.load_state_dict(model.state_dict(), strict=True)
    return twin.train(model.training).requires_grad_(False)
