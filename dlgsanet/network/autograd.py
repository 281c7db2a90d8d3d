"""What torch hands to an operator with a backward pass of its own."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Context(Protocol):
    """Keeps tensors from the forward to the backward pass."""

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor | None) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...


class KernelContext(Context, Protocol):
    """Keeps the side of a kernel, too."""

    kernel: int


class BiasContext(Context, Protocol):
    """Keeps whether there was a bias, too."""

    with_bias: bool
