"""The optimizers of a run: Adam for every parameter, or Muon for the matrices and Adam for the rest."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from dlgsanet.training.configuration.sections import OptimizerSection

_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: steepest at zero among those that keep values near 1
_ITERATIONS = 5
_MATCH_ADAM = 0.2  # root mean square of an entry of Adam's step, which Muon's is scaled to (Liu et al. 2025)


class Muon(Optimizer):
    """Momentum, then the nearest orthogonal matrix as the step: every direction of a weight moves by as much.

    For weights (out, in, kh, kw), each read as a matrix of `out` rows; torch.optim.Muon (2.9) takes 2-D weights
    only. Nesterov momentum; five Newton-Schulz steps; the step is scaled to the size of Adam's. `weight_decay` is
    decoupled. Source: K. Jordan et al., "Muon: An optimizer for hidden layers", 2024; arXiv 2502.16982 for the scale.
    """

    def __init__(self, weights: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient. Weights of one shape are made orthogonal together."""
        if closure is not None:
            raise ValueError("expected no closure, found one: Muon evaluates nothing again")
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    alike[weight.shape].append(weight)
            for weights in alike.values():
                self._move(weights, group["lr"], group["momentum"], group["weight_decay"])

    def _move(self, weights: list[Tensor], rate: float, momentum: float, decay: float) -> None:
        steps = orthogonal(torch.stack([self._direction(weight, momentum).flatten(1) for weight in weights]))
        scale = _MATCH_ADAM * math.sqrt(max(steps.shape[1:]))
        for weight, step in zip(weights, steps, strict=True):
            weight.mul_(1 - rate * decay).add_(step.view(weight.shape), alpha=-rate * scale)

    def _direction(self, weight: Tensor, momentum: float) -> Tensor:
        gradient = weight.grad
        assert gradient is not None
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        mean: Tensor = state["momentum_buffer"]
        mean.lerp_(gradient, 1 - momentum)
        ahead: Tensor = gradient.lerp(mean, momentum)
        return ahead.float()


def orthogonal(matrices: Tensor) -> Tensor:
    """(N, rows, columns) -> the same with all singular values near 1 (0.7 to 1.2), by Newton-Schulz steps."""
    a, b, c = _QUINTIC
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(1, 2) if tall else x


def is_matrix(parameter: nn.Parameter) -> bool:
    """Weights of dense convolutions. Depthwise ones have one input channel: their rows are filters of one each."""
    return parameter.ndim == 4 and parameter.shape[1] > 1


def new_optimizers(parameters: Iterable[nn.Parameter], options: OptimizerSection) -> tuple[Optimizer, ...]:
    """What moves the parameters. The last one is Adam, whose rate is the one that a run reports."""
    every = list(parameters)
    matrices = [parameter for parameter in every if options.kind == "muon" and is_matrix(parameter)]
    chosen = {id(parameter) for parameter in matrices}
    beta1, beta2 = options.betas
    adam = Adam([p for p in every if id(p) not in chosen], options.learning_rate, betas=(beta1, beta2))
    return (Muon(matrices, options.matrix_rate, weight_decay=options.weight_decay), adam) if matrices else (adam,)


def base_rate(optimizer: Optimizer, options: OptimizerSection) -> float:
    """The rate that the schedule scales."""
    return options.matrix_rate if isinstance(optimizer, Muon) else options.learning_rate
