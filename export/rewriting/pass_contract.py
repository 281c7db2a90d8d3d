"""What an exact pass is: a name, the identity it relies on, and a function that edits the copy it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

Found = TypeVar("Found", bound=nn.Module)


@dataclass(frozen=True)
class PassContext:
    """What a pass may depend on: the fixed tile (H, W) in LR pixels and the lowering of the dynamic conv."""

    tile: tuple[int, int]
    lowering: str


@dataclass(frozen=True)
class Outcome:
    """`places` rewritten; `reason` says why there were none (then the pass counts as refused)."""

    places: int
    reason: str | None = None


@dataclass(frozen=True)
class Pass:
    """One exact rewrite. `run` edits the module it is given, which `rewrite` has copied before.

    `needs` names passes that must have run before; without them this one is refused.
    """

    name: str
    identity: str
    run: Callable[[nn.Module, PassContext], Outcome]
    needs: tuple[str, ...] = ()


def replace_all(root: nn.Module, kind: type[Found], make: Callable[[Found], nn.Module]) -> int:
    """Replace every module of exactly this type below `root` by what `make` returns; return how many."""
    found = [(path, module) for path, module in root.named_modules() if type(module) is kind and path]
    for path, module in found:
        parent, _, name = path.rpartition(".")
        setattr(root.get_submodule(parent), name, make(module))
    return len(found)
