"""Which share of a network's multiply-adds ran in which precision, from what an engine tells of its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Layer:
    """A convolution or a product of matrices that ran: its precision as in artifact ids, its multiply-adds."""

    precision: str
    macs: int


def by_precision(layers: Iterable[Layer]) -> dict[str, int]:
    """Precision -> multiply-adds, the largest share first."""
    found: Counter[str] = Counter()
    for layer in layers:
        found[layer.precision] += layer.macs
    return dict(found.most_common())


def convolution_macs(weight: Sequence[int], positions: int) -> int:
    """`weight` (O, I / groups, kH, kW), or with the groups as an axis of their own before; `positions`: pixels of one
    output channel."""
    return prod(weight) * positions


def product_macs(left: Sequence[int], out: Sequence[int]) -> int:
    """`left` (..., M, K), or (..., K, M) where the engine turns it, times something that gives `out` (..., M, N)."""
    rows = out[-2] if len(out) > 1 else 1
    return prod(out) * (prod(left[-2:]) // rows)


def shares(macs: Mapping[str, int]) -> dict[str, float]:
    """Precision -> share of all multiply-adds; empty where the engine tells none."""
    whole = sum(macs.values())
    return {name: count / whole for name, count in macs.items()} if whole else {}


def count_fault(wanted: int, ran: int) -> str | None:
    """What ran, in words, where not all `wanted` quantized layers ran as integers; None where they did."""
    return None if wanted <= ran else f"int8 in {ran} of {wanted} layers"
