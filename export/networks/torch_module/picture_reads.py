"""Whether a network decides by what it sees: then one recorded run is another network for other pictures.

The module is run once with a mark on its input that every result of a marked tensor takes on. Where Python asks a
marked tensor for a number or a truth, or a size follows from its values, there is no one graph.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils.weak import WeakTensorKeyDictionary

from dlgsanet.errors import InputError, shown

_ASKED = frozenset((
    "__bool__", "__complex__", "__contains__", "__float__", "__index__", "__int__", "allclose", "argwhere", "equal",
    "is_nonzero", "item", "masked_select", "nonzero", "numpy", "tolist", "unique", "unique_consecutive",
))  # fmt: skip
"""Functions whose answer, or whose answer's size, follows from values."""

_WRITES = "__setitem__"
_TORCH = str(Path(torch.__file__).parent)


def require_one_graph(module: nn.Module, lr: torch.Tensor, thing: str) -> None:
    """Raise InputError naming the first place where `module` decides by the values of `lr` or what is made of them.
    What it fails of is left to be said by who records it."""
    with suppress(RuntimeError, TypeError, ValueError, LookupError), torch.no_grad(), _Marks(lr, thing):
        module(lr)


class _Marks(TorchFunctionMode):
    """Follows a tensor through every function of torch that Python calls."""

    def __init__(self, lr: torch.Tensor, thing: str) -> None:
        super().__init__()
        self._thing = thing
        self._marked: Any = WeakTensorKeyDictionary()
        self._marked[lr] = True

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        given = kwargs or {}
        if not any(tensor in self._marked for tensor in _tensors((*args, *given.values()))):
            return func(*args, **given)
        if self._asks(func.__name__, args, given):
            raise InputError(
                f"{shown(self._thing)} decides by the picture ({call_said(func, __file__)}), and an artifact is "
                "one graph for all pictures: export a network that computes the same way for each"
            )
        found = func(*args, **given)
        changed = args[:1] if func.__name__ == _WRITES else (found, given.get("out"))
        for tensor in _tensors(changed):
            self._marked[tensor] = True
            if tensor._is_view() and tensor._base is not None:
                self._marked[tensor._base] = True
        return found

    def _asks(self, name: str, args: Sequence[object], given: Mapping[str, object]) -> bool:
        if name == "where":
            return len(args) + len(given) == 1
        if name == "__getitem__":  # with a mask: as many values as it has ones
            masks = (tensor for tensor in _tensors(args[1:]) if tensor.dtype in (torch.bool, torch.uint8))
            return any(mask in self._marked for mask in masks)
        return name in _ASKED


def _tensors(values: object) -> Iterator[torch.Tensor]:
    """Those in tuples, lists and mappings, in depth."""
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, Mapping):
        yield from _tensors(list(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _tensors(value)


def call_said(func: Callable[..., object], watcher: str) -> str:
    """A function of torch that the network's own code calls, and where."""
    called = (resolve_name(func) or func.__name__).removeprefix("torch.")
    return f"{called} at {place_of_call(watcher)}"


def place_of_call(watcher: str) -> str:
    """File and line of the network's own code that is running; `watcher` is the file of who asks."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_TORCH, __file__, watcher)):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
