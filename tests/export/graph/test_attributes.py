"""Attributes of ONNX nodes as values of the expected type."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from onnx import helper

from export.graph.attributes import Attribute, Attributed, attributes_of


class Node(Attributed):
    def __init__(self, attributes: Mapping[str, Attribute]) -> None:
        self.attributes = attributes


NODE = helper.make_node("Pad", ["x"], ["y"], mode="reflect", axis=3, alpha=0.5, pads=[0, 1, 2, 3])


def test_each_kind_is_read_as_what_it_is() -> None:
    node = Node(attributes_of(NODE))
    assert node.attributes["mode"] == "reflect"
    assert (node.number("axis"), node.real("alpha", 1.0), node.numbers("pads")) == (3, 0.5, (0, 1, 2, 3))


def test_what_is_not_there_is_the_default() -> None:
    node = Node({})
    assert (node.number("axis", 1), node.real("alpha", 0.25), node.numbers("pads", (1, 1))) == (1, 0.25, (1, 1))


@pytest.mark.parametrize("read", ["number", "numbers"])
def test_without_a_default_it_must_be_there(read: str) -> None:
    with pytest.raises(AssertionError):
        getattr(Node({}), read)("axis")
