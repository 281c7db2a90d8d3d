"""What an ONNX node's attributes say, as plain values of the type that a writer expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

Attribute = int | float | Sequence[int] | str


def attributes_of(node: onnx.NodeProto) -> dict[str, Attribute]:
    """Name -> value; texts are decoded."""
    from onnx import helper

    said = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in said.items()}


class Attributed:
    """A node on its way into another format. Without a default an attribute must be there."""

    attributes: Mapping[str, Attribute]

    def number(self, attribute: str, default: int | None = None) -> int:
        found = self.attributes.get(attribute, default)
        assert isinstance(found, int)
        return found

    def real(self, attribute: str, default: float) -> float:
        found = self.attributes.get(attribute, default)
        assert isinstance(found, (int, float))
        return float(found)

    def numbers(self, attribute: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        found = self.attributes.get(attribute, default)
        assert found is not None and not isinstance(found, (int, float, str))
        return tuple(found)
