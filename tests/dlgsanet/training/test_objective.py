"""Losses against their formulas; distillation from a frozen teacher."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training.configuration.sections import DistillSection, LossSection
from dlgsanet.training.objective import Distillation, ImageLoss, Objective, Taps, matching_groups, tapped

SMALL = ModelConfig(12, 1, 1, 2)


def pictures(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, 8, 8, generator=generator), torch.rand(2, 3, 16, 16, generator=generator)


def test_losses_are_what_they_are_called() -> None:
    _, a = pictures(0)
    _, b = pictures(1)
    d = a - b
    assert ImageLoss()(a, b) == d.abs().mean()
    charbonnier = ImageLoss(LossSection("charbonnier", epsilon=0.1))(a, b)
    assert charbonnier.item() == pytest.approx(torch.sqrt(d**2 + 0.01).mean().item())
    assert ImageLoss(LossSection("mse"))(a, b).item() == pytest.approx((d**2).mean().item())
    spectrum = torch.fft.rfft2(a, norm="ortho") - torch.fft.rfft2(b, norm="ortho")
    wanted = d.abs().mean() + 0.5 * torch.stack([spectrum.real.abs(), spectrum.imag.abs()]).mean()
    assert ImageLoss(LossSection(fft=0.5))(a, b).item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("options", [LossSection(), LossSection("charbonnier", fft=0.1), LossSection("mse")])
def test_losses_stay_fp32_under_autocast(options: LossSection) -> None:
    lr, hr = pictures()
    objective = Objective(DLGSANet(SMALL), ImageLoss(options))
    with torch.autocast("cpu", torch.bfloat16):
        loss = objective(lr, hr)
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.parameters())


def test_a_student_that_is_its_teacher_only_has_the_loss_to_hr() -> None:
    torch.manual_seed(0)
    teacher = DLGSANet(SMALL)
    student = DLGSANet(SMALL)
    student.load_state_dict(teacher.state_dict())
    taps = matching_groups(1, 1)
    objective = Distillation(student, teacher, DistillSection("t", output=1.0, features=1.0), taps=taps)
    nn.init.dirac_(objective.projections[0].weight)
    nn.init.zeros_(objective.projections[0].bias)
    lr, hr = pictures()
    plain = Objective(student)(lr, hr).item()
    assert objective(lr, hr).item() == pytest.approx(plain, rel=1e-5)
    nn.init.constant_(objective.projections[0].bias, 1.0)
    assert objective(lr, hr).item() == pytest.approx(plain + 1, rel=1e-3)


def test_only_student_and_projections_learn() -> None:
    teacher, student = DLGSANet(ModelConfig(18, 3, 1, 2)), DLGSANet(ModelConfig(12, 2, 1, 2))
    objective = Distillation(student, teacher, DistillSection("t", 1.0, 0.5), taps=matching_groups(2, 3))
    assert [(p.in_channels, p.out_channels) for p in objective.projections] == [(12, 18), (12, 18)]
    assert not any(key.startswith("_teacher") for key in objective.state_dict())
    objective.train()
    assert student.training and not teacher.training
    objective(*pictures()).backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad is not None for p in objective.parameters())
    objective.to(torch.float64)
    assert next(teacher.parameters()).dtype == torch.float64  # the teacher follows


def test_groups_match_by_depth() -> None:
    name = "deep_feature_extraction"
    assert matching_groups(2, 3) == Taps((f"{name}.0", f"{name}.1"), (f"{name}.1", f"{name}.2"))
    assert matching_groups(2, 2).student == matching_groups(2, 2).teacher
    with pytest.raises(InputError, match="deeper"):
        matching_groups(3, 2)


def test_taps_leave_no_trace_and_must_fit() -> None:
    model = DLGSANet(SMALL)
    with tapped(model, ["upsample"]) as outputs:
        model(pictures()[0])
    assert len(outputs) == 1
    model(pictures()[0])
    assert len(outputs) == 1
    with pytest.raises(InputError, match="taps in pairs"):
        Distillation(model, DLGSANet(SMALL), DistillSection("t", features=1.0))
