"""The network as one value: what travels from rewriting through quantization to the backends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import onnx
from onnx import helper

METADATA_KEY = "dlgsanet_edge"
MAX_RANK = 5  # Core ML and others allow no more dimensions


@dataclass(frozen=True, eq=False)
class Graph:
    """An ONNX model that nobody changes any more; what is made of it is made once. Two graphs are never equal: what is
    known of one is kept by its identity."""

    model: onnx.ModelProto

    @cached_property
    def data(self) -> bytes:
        """The file's content, without metadata."""
        return onnx_bytes(self.model, None)

    @cached_property
    def inferred(self) -> onnx.GraphProto:
        """The graph with the shapes and types of all its tensors. Raises onnx's InferenceError."""
        return onnx.shape_inference.infer_shapes(self.model, strict_mode=True).graph

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.model.graph.node)

    def stamped(self, metadata: Mapping[str, object] | None, facts: Mapping[str, str] | None = None) -> bytes:
        """The file's content, with metadata if there are any, and beside them `facts` as they are."""
        return self.data if metadata is None else onnx_bytes(self.model, metadata, facts)


def onnx_bytes(
    model: onnx.ModelProto, metadata: Mapping[str, object] | None, facts: Mapping[str, str] | None = None
) -> bytes:
    """The file's content: the same bytes every time; `metadata` goes in as JSON under METADATA_KEY, `facts` beside
    it."""
    stamped = onnx.ModelProto()
    stamped.CopyFrom(model)
    if metadata is not None:
        helper.set_model_props(stamped, {METADATA_KEY: metadata_json(metadata), **(facts or {})})
    data: bytes = stamped.SerializeToString(deterministic=True)
    return data


def metadata_json(metadata: Mapping[str, object]) -> str:
    """The manifest's keys as they are stored inside artifacts."""
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False)
