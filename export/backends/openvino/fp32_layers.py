"""Layers of an OpenVINO IR that compute in fp32 whatever precision the engine is set to.

OpenVINO keeps an operator's precision where the file marks it as `precise`, on every device. The mark has no name in
its Python API, so it is written into the file that the API saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

MARK = {"name": "precise", "version": "0"}  # as OpenVINO itself writes its attribute DisablePrecisionConversion
_COMPUTED = ("Convolution", "GroupConvolution", "Add")  # a convolution, and its bias


def keep_fp32(xml: Path, parts: Sequence[str]) -> int:
    """Mark the convolutions (and their biases) whose names contain one of `parts`; return how many layers that are.

    Raises ValueError when there are none: then nothing would be kept, in silence.
    """
    tree = ElementTree.parse(xml)
    layers = [
        layer
        for layer in tree.getroot().iter("layer")
        if layer.get("type") in _COMPUTED and any(part in layer.get("name", "") for part in parts)
    ]
    if not layers:
        raise ValueError(f"no convolution of {xml.name} is called like {' or '.join(parts)}")
    for layer in layers:
        info = layer.find("rt_info")
        if info is None:
            info = ElementTree.Element("rt_info")
            layer.insert(1, info)  # behind <data>, where OpenVINO writes it
        ElementTree.SubElement(info, "attribute", MARK)
    tree.write(xml, encoding="utf-8", xml_declaration=True)
    return len(layers)
