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
        """All together, which spares a small network most of the time of its many small tensors."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        means = [self._mean(weight) for weight in weights]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, means, momentum)
        steps = orthogonal(torch.stack([direction.flatten(1).float() for direction in ahead]))
        scale = _MATCH_ADAM * math.sqrt(max(steps.shape[1:]))
        torch._foreach_mul_(weights, 1 - rate * decay)
        torch._foreach_add_(weights, [step.view(weights[0].shape) for step in steps], alpha=-rate * scale)

    def _mean(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        mean: Tensor = state["momentum_buffer"]
        return mean


def orthogonal(matrices: Tensor) -> Tensor:
    """(N, rows, columns) -> the same with all singular values near 1 (0.7 to 1.2), by Newton-Schulz steps."""
    a, b, c = _QUINTIC
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
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
    others = [parameter for parameter in every if id(parameter) not in chosen]
    fused = True if all(parameter.device.type == "cpu" for parameter in others) else None  # None: as torch thinks best
    adam = Adam(others, options.learning_rate, betas=(beta1, beta2), fused=fused)
    return (Muon(matrices, options.matrix_rate, weight_decay=options.weight_decay), adam) if matrices else (adam,)


def base_rate(optimizer: Optimizer, options: OptimizerSection) -> float:
    """The rate that the schedule scales."""
    return options.matrix_rate if isinstance(optimizer, Muon) else options.learning_rate
