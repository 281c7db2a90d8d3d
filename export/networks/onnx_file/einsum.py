"""Einsum of two tensors as one matrix product, with what is moved before and behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import onnx
from onnx import helper

Reshaped = Callable[[str, Sequence[int], str], onnx.NodeProto]
"""(tensor, shape, name of the result) -> the node."""


def as_products(
    node: onnx.NodeProto, equation: str, shapes: Sequence[tuple[int, ...]], reshaped: Reshaped
) -> list[onnx.NodeProto] | None:
    """The nodes; None for another number of tensors, an ellipsis, an index twice in one tensor, or one that is summed
    in a single tensor."""
    given, _, wanted = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if not wanted or len(terms) != 2 or any("." in it or len(set(it)) < len(it) for it in (*terms, wanted)):
        return None
    left, right = terms
    both = [index for index in left if index in right]
    batch, summed = ([it for it in both if (it in wanted) == kept] for kept in (True, False))
    rows, cols = ([it for it in of if it not in both] for of in (left, right))
    if not set(rows + cols) <= set(wanted):
        return None
    size = {
        index: side for term, shape in zip(terms, shapes, strict=True) for index, side in zip(term, shape, strict=True)
    }
    nodes: list[onnx.NodeProto] = []
    out = node.output[0]

    def placed(name: str, term: str, groups: Sequence[Sequence[str]], what: str) -> str:
        """Its axes as the batch and two groups, each group one axis."""
        order = "".join(it for group in groups for it in group)
        if order != term:
            nodes.append(helper.make_node("Transpose", [name], [f"{out}/{what}"], perm=[term.index(i) for i in order]))
            name = f"{out}/{what}"
        nodes.append(reshaped(name, _sides(batch, groups[1:], size), f"{out}/{what}_sides"))
        return f"{out}/{what}_sides"

    first = placed(node.input[0], left, (batch, rows, summed), "left")
    second = placed(node.input[1], right, (batch, summed, cols), "right")
    nodes.append(helper.make_node("MatMul", [first, second], [f"{out}/product"]))
    order = "".join((*batch, *rows, *cols))
    last = out if order == wanted else f"{out}/placed"
    nodes.append(reshaped(f"{out}/product", [size[it] for it in order], last))
    if last != out:
        nodes.append(helper.make_node("Transpose", [last], [out], perm=[order.index(it) for it in wanted]))
    return nodes


def _sides(batch: Sequence[str], groups: Sequence[Sequence[str]], size: dict[str, int]) -> list[int]:
    return [*(size[it] for it in batch), *(prod(size[it] for it in group) for group in groups)]
