"""What a network is asked to do: a module that holds the student and maps (LR, HR) to one number.

It is the objective that is trained and that torch's distributed engine wraps, so that whatever else it learns
(the projections of a distillation) gets its gradients in the same way as the student.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dlgsanet.errors import InputError
from dlgsanet.training.configuration.sections import DistillSection, LossSection

Loss = Callable[[Tensor, Tensor], Tensor]
_PROBE = 8  # side of the picture that tells how many channels a tap has


@dataclass(frozen=True)
class ImageLoss:
    """Distance of two batches of pictures (N, C, H, W), in fp32 whatever autocast says: a scalar."""

    options: LossSection = field(default_factory=LossSection)

    def __call__(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.autocast(sr.device.type, enabled=False):
            difference = sr.float() - hr.float()
            loss = self._pixels(difference)
            if self.options.fft:
                loss = loss + self.options.fft * _spectral(difference)
        return loss

    def _pixels(self, difference: Tensor) -> Tensor:
        if self.options.kind == "charbonnier":
            return (difference.square() + self.options.epsilon**2).sqrt().mean()
        if self.options.kind == "mse":
            return difference.square().mean()
        return difference.abs().mean()


def _spectral(difference: Tensor) -> Tensor:
    """Mean magnitude of real and imaginary parts; orthonormal, so that it does not grow with the patch."""
    return torch.view_as_real(torch.fft.rfft2(difference, norm="ortho")).abs().mean()


class Objective(nn.Module):
    """Bring the student's output near HR: (N, 3, H, W) and (N, 3, sH, sW) in [0, 1] -> scalar."""

    def __init__(self, student: nn.Module, loss: Loss | None = None) -> None:
        super().__init__()
        self.student = student
        self.loss = loss or ImageLoss()

    def forward(self, lr: Tensor, hr: Tensor) -> Tensor:
        return self.loss(self.student(lr), hr)


@dataclass(frozen=True)
class Taps:
    """Modules, by name and pair by pair, whose outputs the student is to learn from the teacher."""

    student: tuple[str, ...] = ()
    teacher: tuple[str, ...] = ()


class Distillation(Objective):
    """Also bring it near a frozen teacher's output, and features near the teacher's through learnt 1x1 convolutions.

    The teacher stays in eval mode, is no part of the state, and follows the objective's device.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        options: DistillSection,
        loss: Loss | None = None,
        taps: Taps = Taps(),
    ) -> None:
        super().__init__(student, loss)
        if len(taps.student) != len(taps.teacher) or bool(options.features) != bool(taps.student):
            raise InputError("expected taps in pairs, and with distill.features only, found others: correct them")
        self.options, self.taps = options, taps
        self._teacher = (teacher.eval().requires_grad_(False),)  # in a tuple: not a submodule
        widths = zip(_widths(student, taps.student), _widths(teacher, taps.teacher), strict=True)
        self.projections = nn.ModuleList(nn.Conv2d(own, wanted, 1) for own, wanted in widths)

    def forward(self, lr: Tensor, hr: Tensor) -> Tensor:
        with tapped(self.student, self.taps.student) as features:
            sr = self.student(lr)
        with torch.no_grad(), tapped(self._teacher[0], self.taps.teacher) as wanted:
            target = self._teacher[0](lr)
        loss = self.loss(sr, hr)
        if self.options.output:
            loss = loss + self.options.output * self.loss(sr, target)
        for projection, own, other in zip(self.projections, features, wanted, strict=True):
            distance = (projection(own).float() - other.float()).abs().mean()
            loss = loss + self.options.features / len(features) * distance
        return loss

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Distillation:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._teacher[0]._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


@contextmanager
def tapped(module: nn.Module, names: Sequence[str]) -> Iterator[list[Tensor]]:
    """Collect the outputs of the named submodules, in the order in which they run, while the block runs."""
    outputs: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        outputs.append(output)

    with ExitStack() as hooks:
        for name in names:
            hooks.enter_context(module.get_submodule(name).register_forward_hook(keep))
        yield outputs


def matching_groups(student: int, teacher: int) -> Taps:
    """Taps on the outputs of the groups of two DLGSANets: each of the student's at the same share of the depth."""
    name = "deep_feature_extraction"
    own = range(student)
    same_depth = [max(0, round((i + 1) * teacher / student) - 1) for i in own]
    if len(set(same_depth)) < student:
        raise InputError(
            f"expected a teacher of at least {student} groups for distill.features, found {teacher}: "
            "choose a deeper one, or distil its output only"
        )
    return Taps(tuple(f"{name}.{i}" for i in own), tuple(f"{name}.{i}" for i in same_depth))


@torch.no_grad()
def _widths(module: nn.Module, names: Sequence[str]) -> list[int]:
    """Channels of the named submodules' outputs, seen on a small picture."""
    if not names:
        return []
    parameter = next(module.parameters())
    with tapped(module, names) as outputs:
        module(torch.zeros(1, 3, _PROBE, _PROBE, device=parameter.device, dtype=parameter.dtype))
    return [output.shape[1] for output in outputs]
