"""Whether a network gives the same for a picture each time: noise and dropout that are left on are no one graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from dlgsanet.errors import InputError, shown
from export.networks.torch_module.picture_reads import call_said

_DRAWING = frozenset((
    "alpha_dropout", "bernoulli", "bernoulli_", "cauchy_", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "exponential_", "feature_alpha_dropout", "geometric_", "gumbel_softmax", "log_normal_", "multinomial", "normal",
    "normal_", "poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "random_", "randperm",
    "rrelu", "uniform_",
))  # fmt: skip


def require_same_again(module: nn.Module, lr: torch.Tensor, thing: str) -> None:
    """Run it twice. Raise InputError where it gives no tensor, or where the outputs differ, naming the first place that
    draws numbers. What it fails of is left to be said by who records it."""
    draws = _Draws()
    try:
        with torch.no_grad():
            first = _copied(module(lr.clone()))
            with draws:
                second = module(lr.clone())
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return
    if not isinstance(first, torch.Tensor) or not isinstance(second, torch.Tensor):
        raise InputError(
            f"expected {shown(thing)} to give one picture, a tensor, found {type(first).__name__}: give a factory "
            "whose module returns the picture alone"
        )
    if first.shape == second.shape and torch.equal(first.nan_to_num(), second.nan_to_num()):
        return
    raise InputError(
        f"{shown(thing)} gives another picture each time{draws.said}, and an artifact is one graph: export it without "
        "noise, and with dropout off (in PyTorch `self.training` is false after `eval()`)"
    )


def _copied(found: object) -> object:
    """A module may give out a buffer that its next run writes to."""
    return found.clone() if isinstance(found, torch.Tensor) else found


class _Draws(TorchFunctionMode):
    """Where Python first calls a function that draws numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.said = ""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        if func.__name__ in _DRAWING and not self.said and _is_on(func.__name__, args, kwargs or {}):
            self.said = f" ({call_said(func, __file__)})"
        return func(*args, **(kwargs or {}))


def _is_on(name: str, args: Sequence[object], given: Mapping[str, object]) -> bool:
    """Whether it draws at all: functions of dropout do not outside training."""
    if "dropout" not in name and name != "rrelu":
        return True
    flags = [value for value in (*args, *given.values()) if isinstance(value, bool)]
    return flags[0] if flags else "dropout" in name
