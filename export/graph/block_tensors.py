"""Which tensor of an artifact is which block's output: recorded in the manifest, so that `check --blocks` can look.

The writer names every ONNX node after the module whose forward made it, and the residual stream is what the blocks add
to; no pass moves these sums. Backends keep the names of such tensors, but for Core ML, whose packages get short ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dlgsanet.network.block_names import DEEP, SHALLOW, group_end, half_block
from export.graph.graph import Graph
from runtimes.bundle.artifact_facts import BlockTensors

_SHALLOW = re.compile(r"overlap_embed\..+\.Conv")
_SUM = re.compile(r"deep_feature_extraction\.(\d+)(?:\.body\.(\d+))?\.Add(_2)?")
_DEEP = "Add"  # the network's own first sum


def block_of(node: str) -> tuple[str, str] | None:
    """(block, name in a Core ML package) of the tensor that this ONNX node makes; None for all others."""
    if _SHALLOW.fullmatch(node):
        return SHALLOW, SHALLOW
    if node == _DEEP:
        return DEEP, DEEP
    if (found := _SUM.fullmatch(node)) is None:
        return None
    group, index, second = found.groups()
    if index is None:
        return (group_end(int(group)), f"g{group}_conv") if second is None else None
    name = half_block(int(group), int(index), int(second is not None))
    return name, f"g{group}b{index}_{name.partition('.')[2].partition('.')[2].replace('.', '_')}"


def block_tensors(graph: Graph, short_names: bool, reflected_along: Sequence[float] | None) -> BlockTensors:
    """The blocks of a graph, in their order. `short_names`: their tensors have those of Core ML packages;
    `reflected_along`: see BlockTensors."""
    tensors = {}
    for node in graph.model.graph.node:
        if (block := block_of(node.name)) is not None:
            tensors[block[0]] = block[1] if short_names else str(node.output[0])
    return BlockTensors(tensors, tuple(reflected_along or ()) or None)
