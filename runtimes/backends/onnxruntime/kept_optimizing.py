"""Graphs that ONNX Runtime optimized, kept for the next start: the same kernels, without the time that finding them
takes.

A graph is known by the network's files, ONNX Runtime's build, what its kernels were asked for, and the processor with
its instructions, which its layouts are made for; it is checked before it is loaded. Only of ONNX Runtime's own CPU:
what other providers compile into a graph cannot be written.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from dlgsanet.storage.shelf import KeptEntries, key_of
from runtimes.backends.onnxruntime.provider import Provider
from runtimes.backends.onnxruntime.session import EXACT_INT8, Session, provider_options
from runtimes.machine.processor import this_machine

_KIND, _GRAPH = "optimized", "graph.onnx"


@dataclass(frozen=True)
class OpenedSession:
    """A session, and the graph that it runs where that was asked for and the provider tells."""

    session: Session
    graph: bytes | None


@dataclass(frozen=True)
class KeptOptimizing:
    """How sessions are opened: on this provider with so many threads (`resting`: see RunOptions); `shelf` keeps what
    ONNX Runtime made of the files."""

    ort: ModuleType
    provider: Provider
    threads: int
    resting: bool
    shelf: KeptEntries

    def opened(self, network: str | None, source: bytes | str, *, look: bool) -> OpenedSession:
        """Open `source`, or what was made of it before; `network`: what tells its files apart, None: it is not kept.
        `look`: its graph is wanted, too. Raises what ONNX Runtime raises."""
        if network is None or not self.shelf.usable or not self.provider.on_cpu:
            return self._fresh(source, look)
        key = self._key(network)
        if (known := self._recall(key)) is not None:
            return known
        with suppress(Exception):  # no room for the graph; what is wrong with the file is said by the next line
            made = self._fresh(source, look=True)
            if made.graph is not None:
                self.shelf.keep(_KIND, key, {_GRAPH: made.graph})
            return made
        return self._fresh(source, look)

    def _fresh(self, source: bytes | str, look: bool) -> OpenedSession:
        options = provider_options(self.ort, self.provider, self.threads, resting=self.resting)
        if not look or not self.provider.on_cpu:
            return OpenedSession(self.provider.session(self.ort, source, options), None)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / _GRAPH
            options.optimized_model_filepath = str(place)
            session = self.provider.session(self.ort, source, options)
            return OpenedSession(session, place.read_bytes() if place.is_file() else None)

    def _recall(self, key: str) -> OpenedSession | None:
        """None for what another ONNX Runtime refuses, too."""
        if (found := self.shelf.recall(_KIND, key)) is None:
            return None
        options = provider_options(self.ort, self.provider, self.threads, resting=self.resting)
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # all that is done
        with suppress(Exception):
            graph = found[_GRAPH]
            return OpenedSession(self.provider.session(self.ort, graph, options), graph)
        return None

    def _key(self, network: str) -> str:
        build = self.ort.get_build_info()
        return key_of(network, self.ort.__version__, build, *EXACT_INT8, *this_machine())
