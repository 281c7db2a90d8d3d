"""Whether a network runs on a picture alone: told by its signature, before it is run or recorded."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import torch
from torch import nn

from dlgsanet.errors import InputError, one_line, shown

_MANY = frozenset((inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD))


def require_one_input(module: nn.Module, thing: str) -> None:
    """Raise InputError naming the inputs of `module` where one picture is not enough, or no picture is taken. A
    signature that Python cannot see is left to be judged by running it."""
    if isinstance(module, torch.jit.ScriptModule):
        return
    try:
        signature = inspect.signature(module.forward)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None)
    except TypeError as error:
        inputs = _needed(signature.parameters)
        raise InputError(
            f"expected {shown(thing)} to take one picture, found a module that takes {inputs}: give a factory whose "
            "module holds the rest, or gives it a default"
        ) from error


def _needed(parameters: Mapping[str, inspect.Parameter]) -> str:
    names = [
        name for name, each in parameters.items() if each.default is inspect.Parameter.empty and each.kind not in _MANY
    ]
    return one_line(", ".join(names)) if names else "nothing"
