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
    today = replace(
        accuracy("openvino-fp32-128x128"), model="nano-x4", model_sha256=sha256_file(WEIGHTS / "nano-x4.safetensors")
    )
    assert network(today) == "nano-x4"
    before = read_container(WEIGHTS / "nano-x4.safetensors").metadata[SAME_TENSORS]
    assert network(replace(today, model_sha256=before)) == "nano-x4"
    assert network(replace(today, model_sha256="0" * 64)) == "nano-x4 (earlier weights)"
    assert network(replace(today, model="a network of a user's")) == "a network of a user's"
