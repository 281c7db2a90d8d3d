"""Tracing a rewritten network into a flat list of operations, each with the module path it came from.

The rewritten network has no data-dependent control flow and a fixed tile, so symbolic tracing sees all of it:
convolutions and the pixel shuffle stay whole, everything else is traced through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx, nn

from dlgsanet.errors import BackendError

SCOPE = "scope"  # key of a node's meta: the path of the module whose forward made it
LEAVES = (nn.Conv2d, nn.PixelShuffle)


class _ScopedTracer(fx.Tracer):
    proxy_buffer_attributes = True  # a buffer beside a traced value is an operand like any other

    def __init__(self) -> None:
        super().__init__()
        self._here = ""
        self.failed_in: str | None = None

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LEAVES)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> object:
        outer, self._here = self._here, self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        except fx.proxy.TraceError:
            self.failed_in = self.failed_in or self._here  # the innermost module sees it first
            raise
        finally:
            self._here = outer

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        node.meta[SCOPE] = self._here
        return node


def trace(model: nn.Module) -> fx.Graph:
    """The operations of `model` in order, without those whose results are not used.

    Raises BackendError, naming the module, where what is done depends on the data or on a size.
    """
    tracer = _ScopedTracer()
    try:
        graph = tracer.trace(model)
    except fx.proxy.TraceError as error:
        raise BackendError(
            f"no graph form is known for {tracer.failed_in or 'the network'}: were all passes applied?"
        ) from error
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    return graph
