"""Where in a file's content the network lies: bare, wrapped in dicts, or under a common prefix of its names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from dlgsanet.checkpoints.words import some
from dlgsanet.errors import InputError

MARKER = "overlap_embed.0.proj.weight"
"""The one name by which a state of this network is known."""

_DEEPEST = 6
_COUNTER = "n_averaged"  # beside the weights of torch's AveragedModel
_AVERAGES = frozenset({"ema", "average", "averaged", "avg", "swa"})


class AnotherNetworkError(InputError):
    """The file holds tensors, and none is of this network."""


@dataclass(frozen=True)
class Found:
    """Tensors by the network's own names, and lines about how they were found."""

    state: Mapping[str, Tensor]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    """A state of the network: the dict that holds it, the keys that lead there, and the prefix of its names."""

    holder: Mapping[object, object]
    path: tuple[str, ...]
    prefix: str

    @property
    def title(self) -> str:
        """As a user would call it."""
        return ".".join([*self.path, f"{self.prefix}*" if self.prefix else ""]).strip(".") or "bare names"

    @property
    def averaged(self) -> bool:
        """Whether these are the moving average of weights, which is what authors evaluate."""
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", " ".join([*self.path, self.prefix]))
        return any(word.lower() in _AVERAGES for word in words) or _COUNTER in self.holder


def find_state(content: object, name: str) -> Found:
    """The one state of this network in a file's content; the moving average where there are both.

    Raises InputError: none, or several that a reader could mean.
    """
    candidates = list(_candidates(content, (), set()))
    if not candidates:
        raise _nothing(content, name)
    averages = [it for it in candidates if it.averaged]
    chosen, *others = averages or candidates
    if others:
        raise InputError(
            f"expected one network in {name}, found {some([it.title for it in (chosen, *others)])}: "
            "save the one that you mean alone"
        )
    notes = []
    if len(candidates) > 1:
        left = some([it.title for it in candidates if it is not chosen])
        notes.append(f"{name}: took {chosen.title}, the moving average, and not {left}")
    others = [it for it in candidates if it is not chosen and it.holder is chosen.holder]
    state, rest = _split(chosen, tuple(it.prefix for it in others), name)
    if rest:
        notes.append(f"{name}: left out {len(rest)} tensors beside {chosen.title} ({some(rest)})")
    return Found(state, tuple(notes))


def _candidates(content: object, path: tuple[str, ...], seen: set[int]) -> Iterator[_Candidate]:
    """Every dict below `content` with the marker among its names; each is visited once, whoever refers to it."""
    if not isinstance(content, Mapping) or id(content) in seen or len(path) > _DEEPEST:
        return
    seen.add(id(content))
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Tensor) and (key == MARKER or key.endswith("." + MARKER)):
            yield _Candidate(content, path, key.removesuffix(MARKER))
    for key, value in content.items():
        yield from _candidates(value, (*path, str(key)), seen)


def _split(chosen: _Candidate, others: tuple[str, ...], name: str) -> tuple[dict[str, Tensor], list[str]]:
    """The state with its prefix stripped, and the names of tensors beside it and the `others`, by their prefixes."""
    tensors = {key: it for key, it in chosen.holder.items() if isinstance(key, str) and isinstance(it, Tensor)}
    tensors.pop(_COUNTER, None)
    state = {key.removeprefix(chosen.prefix): it for key, it in tensors.items() if key.startswith(chosen.prefix)}
    rest = sorted(key for key in tensors if not key.startswith((chosen.prefix, *others)))
    if twice := [key for key in rest if key in state]:
        raise InputError(
            f"expected every tensor once in {name}, found both {some(twice)} and {some([chosen.prefix + twice[0]])}: "
            "save the ones that you mean alone"
        )
    return state, rest


def _nothing(content: object, name: str) -> InputError:
    """The error for a file without this network: it shows what is there instead."""
    tree = content
    while isinstance(tree, Mapping) and len(tree) == 1 and isinstance(inner := next(iter(tree.values())), Mapping):
        tree = inner
    names = sorted(map(str, tree)) if isinstance(tree, Mapping) else [type(tree).__name__]
    if isinstance(tree, Mapping) and any(isinstance(key, str) and isinstance(it, Tensor) for key, it in tree.items()):
        return AnotherNetworkError(
            f"expected a DLGSANet checkpoint with {MARKER}, found {name} with {some(names)}: "
            "this is another network's file, or not whole"
        )
    return InputError(
        f"expected tensors by name (bare, or in a dict such as params_ema) in {name}, "
        f"found {some(names) or 'nothing'}: save the plain state dict"
    )
