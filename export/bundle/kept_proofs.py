"""A network's proven graphs between exports: of the same weights, by the same code and versions, on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from dlgsanet.errors import InputError
from dlgsanet.storage import json_text, typed_json
from dlgsanet.storage.shelf import Files
from export.graph.graph import Graph
from export.machine.kept import Kept
from export.networks.network import PreparedNetwork, Proven, Say
from export.targets.table import Target
from runtimes.bundle.artifact_facts import Certificate

_KIND, _GRAPH, _PROOF = "graphs", "graph.onnx", "proof.json"
_WHAT, _ADVICE = "a kept proof", "it is proven again"


@dataclass(frozen=True)
class KeptProof:
    """All of `export.networks.network.Proven` but the graph."""

    certificate: Certificate
    lowering: str
    rewrites: tuple[str, ...]
    reflected_along: tuple[float, ...] | None


def proven_once(network: PreparedNetwork, target: Target, lowering: str, kept: Kept, say: Say) -> Proven:
    """`network.prove`, or what it gave before. Raises as that."""
    told = (network.identity, repr(target.graph_key(lowering)))
    if (found := kept.recall(_KIND, told)) is not None and (known := _read(found)) is not None:
        say(f"proven before: the graph of {target.tile[0]}x{target.tile[1]} ({known.lowering})")
        return known
    proven = network.prove(target, lowering)
    if proven.whole:
        proof = KeptProof(proven.certificate, proven.lowering, proven.rewrites, proven.reflected_along)
        kept.keep(_KIND, told, {_GRAPH: proven.graph.data, _PROOF: typed_json.encode(proof).encode()})
    return proven


def _read(files: Files) -> Proven | None:
    try:
        text = json_text.parse(files[_PROOF], _WHAT, _ADVICE)
        proof = typed_json.decode(KeptProof, text, _WHAT, _ADVICE)
    except (KeyError, InputError):
        return None
    graph = Graph(onnx.load_from_string(files[_GRAPH]))
    return Proven(graph, proof.certificate, proof.lowering, proof.rewrites, proof.reflected_along)
