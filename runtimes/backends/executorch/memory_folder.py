"""A folder in one block of bytes, as ExecuTorch's delegate for Core ML keeps a package inside a program.

Files come first; what lies where follows as JSON, its bytes in reverse order, so that it is read from the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dlgsanet.storage.typed_json import Whole, decode

_FILE = 0  # the kind of a node; that of folders is 1


@dataclass(frozen=True)
class _Region:
    offset: Whole
    size: Whole


@dataclass(frozen=True)
class _Node:
    """A file or a folder; `children`: name -> number of the node."""

    name: str
    kind: int
    children: Mapping[str, int]
    dataRegion: _Region  # the format's word


@dataclass(frozen=True)
class _Nodes:
    nodes: tuple[_Node, ...]


def read_folder(data: bytes) -> dict[str, bytes]:
    """Path (with `/`) -> content of every file. Raises ValueError or InputError for what is no such block."""
    try:
        told, _ = json.JSONDecoder().raw_decode(data[::-1].decode("latin-1"))
    except RecursionError as error:
        raise ValueError("its list of files is too deep") from error
    nodes = decode(_Nodes, told, "the list of files", "export it again").nodes
    found, waiting = {}, [("", _top(nodes))]
    while waiting:
        path, number = waiting.pop()
        node = nodes[number]
        if node.kind == _FILE:
            found[path] = _cut(data, node.dataRegion, path)
        waiting += [(f"{path}/{name}" if path else name, child) for name, child in node.children.items()]
    return found


def _top(nodes: tuple[_Node, ...]) -> int:
    """The one that lies in no other. Raises ValueError unless every other one lies in exactly one, so that the way
    through them ends."""
    inner = [child for node in nodes for child in node.children.values()]
    outer = set(range(len(nodes))) - set(inner)
    if len(outer) != 1 or len(inner) != len(nodes) - 1:
        raise ValueError(f"its list of {len(nodes)} files and folders is no tree")
    return outer.pop()


def _cut(data: bytes, region: _Region, path: str) -> bytes:
    if region.offset + region.size > len(data):
        raise ValueError(f"'{path}' ends behind the last of {len(data)} bytes")
    return data[region.offset : region.offset + region.size]
