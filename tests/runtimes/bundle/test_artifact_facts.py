from __future__ import annotations

import json

import pytest

from dlgsanet.errors import InputError
from dlgsanet.storage.typed_json import decode, encode
from runtimes.bundle.artifact_facts import BlockTensors, Certificate, Cost, FormChoice
from runtimes.bundle.int8_choice import DefaultLayers


def test_a_cost_is_written_as_schema_1_has_it_and_keeps_what_others_tell() -> None:
    told = {"onnx_nodes": 3, "blocks": {"tensors": {"sr": "t"}, "reflected_along": None}, "tiles_per_core": [4, {}]}
    cost = decode(Cost, told, "cost")
    assert cost.onnx_nodes == 3 and cost.macs is None and cost.blocks == BlockTensors({"sr": "t"}, None)
    assert cost.others == {"tiles_per_core": [4, {}]}
    assert json.loads(encode(cost)) == told


def test_what_others_tell_is_held_to_the_range_of_json() -> None:
    with pytest.raises(InputError, match=r"theirs: expected a whole number of at most 64 bits"):
        decode(Cost, {"theirs": 2**70}, "cost")


def test_a_choice_says_its_int8_layers_only_where_there_are_some() -> None:
    plain = FormChoice("basis", "default", reason="docs")
    assert "int8" not in json.loads(encode(plain))
    told = json.loads(encode(FormChoice("basis", "given", int8=DefaultLayers(("a",), "default", "why"))))
    assert told["int8"] == {"layers": ["a"], "how": "default", "reason": "why"}
    assert decode(FormChoice, told, "choice").int8 == DefaultLayers(("a",), "default", "why")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"arithmetic": "float64", "limit": 1e-10, "cases": {}}, "'max_rel' is missing"),
        ({"arithmetic": "float64", "limit": 1e-10, "max_rel": 0.0, "cases": {}, "maxrel": 0}, "unknown field 'maxrel'"),
    ],
)
def test_a_certificate_with_a_slip_of_the_pen_is_refused(told: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        decode(Certificate, told, "certificate")
