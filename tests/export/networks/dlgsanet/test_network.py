"""What is done for networks of others changes nothing of DLGSANet's own graph."""

from __future__ import annotations

import hashlib

import onnx
import pytest
import torch

from dlgsanet import load_model
from export.backends.tensorrt.without_bundle import make_onnx

PINNED = "afd39ade5cddbad841550fc1e26f1c8d0334d645220683a42316b52ab28cab0d"
"""May change only with a commit that is about DLGSANet's graph itself (a pass, a lowering, the writer) and says so:
artifacts that are built after it are others, and every committed result of them is older. Weights are left out: what is
folded into them is summed by the machine's own libraries, and differs in the last bit."""


def structure(data: bytes) -> str:
    """Hash of all nodes with their attributes and names, of the ports, and of every constant's name, kind and sides."""
    graph = onnx.load_from_string(data).graph
    parts = [item.SerializeToString(deterministic=True) for item in (*graph.node, *graph.input, *graph.output)]
    parts += [f"{tensor.name} {tensor.data_type} {list(tensor.dims)}".encode() for tensor in graph.initializer]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


@pytest.mark.skipif(not torch.__version__.startswith("2.13."), reason="another torch may trace other names")
def test_the_graph_of_nano_x4_is_the_one_of_before() -> None:
    (data,) = make_onnx(load_model("nano-x4"), (32, 32), "fp32").values()
    assert structure(data) == PINNED
    model = onnx.load_from_string(data)
    model.graph.node[5].name += "x"
    assert structure(model.SerializeToString()) != PINNED
