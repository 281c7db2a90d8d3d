"""What ExecuTorch's delegate for Vulkan was given, read from the `.pte` file alone. Fields are those of ExecuTorch
1.5's `backends/vulkan/serialization/schema.fbs`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from runtimes.backends.executorch.flatbuffer import FlatTable, root
from runtimes.backends.executorch.layers import require_whole

DELEGATE = "VulkanBackend"
_HEADER, _IDENTIFIER = b"VH00", b"VK00"
_TENSOR = 5  # of GraphTypes
_REALS = {4: "fp16", 5: "fp32", 6: "fp64"}  # of VkDataType


@dataclass(frozen=True)
class VulkanGraph:
    """The delegate's part of a program. Raises ValueError, wherever it is asked, for what is none."""

    data: bytes

    @property
    def operators(self) -> tuple[str, ...]:
        """The names of its operators, in the order in which they compute."""
        return tuple(call.text(1) for call in self._graph.tables(1))

    @property
    def precision(self) -> str:
        """What its tensors of reals are stored in: one precision, or how many of each."""
        kinds = Counter(self._kinds())
        if len(kinds) == 1:
            return next(iter(kinds))
        return " and ".join(f"{name} ({count} tensors)" for name, count in sorted(kinds.items())) or "no reals"

    def _kinds(self) -> list[str]:
        values = [value for value in self._graph.tables(2) if value.number(0, "B") == _TENSOR]
        kinds = (value.table(1).number(0, "b") for value in values)
        return [_REALS[kind] for kind in kinds if kind in _REALS]

    @cached_property
    def _graph(self) -> FlatTable:
        if self.data[4:8] != _HEADER:
            raise ValueError(f"not a graph of {DELEGATE}")
        start = int.from_bytes(self.data[10:14], "little")
        buffer = self.data[start : start + int.from_bytes(self.data[14:18], "little")]
        if buffer[4:8] != _IDENTIFIER:
            raise ValueError(f"not a graph of {DELEGATE}")
        return root(buffer)


def require_vulkan(data: bytes, precision: str) -> None:
    """Raise ValueError for a program that is anything else than one call of the delegate in this precision."""
    found = VulkanGraph(require_whole(data, DELEGATE)).precision
    if found != precision:
        raise ValueError(f"expected {precision} throughout, the delegate was given {found}")
