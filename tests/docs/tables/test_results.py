"""A table says which of its figures were measured on weights that are no longer shipped."""

from __future__ import annotations

from dataclasses import replace

from dlgsanet.checkpoints import WEIGHTS
from dlgsanet.checkpoints.checkpoint import SAME_TENSORS
from dlgsanet.checkpoints.containers import read_container
from dlgsanet.storage.atomic import sha256_file
from docs.tables.results import network
from tests.benchmarks.records.result_examples import accuracy


def test_figures_of_other_weights_are_marked() -> None:
    weights = next(it for it in sorted(WEIGHTS.glob("*.safetensors")) if SAME_TENSORS in read_container(it).metadata)
    name, before = weights.stem, read_container(weights).metadata[SAME_TENSORS]
    today = replace(accuracy("openvino-fp32-128x128"), model=name, model_sha256=sha256_file(weights))
    assert network(today) == name
    assert network(replace(today, model_sha256=before)) == name
    assert network(replace(today, model_sha256="0" * 64)) == f"{name} (earlier weights)"
    assert network(replace(today, model="a network of a user's")) == "a network of a user's"
