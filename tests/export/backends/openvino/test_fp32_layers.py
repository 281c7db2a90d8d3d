from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.errors import BackendError
from export.backends.openvino.convert import convert_openvino
from export.backends.openvino.fp32_layers import keep_fp32
from export.graph.graph import onnx_bytes
from export.quantization.layers import ENDS
from export.targets.table import TARGETS

MakeGraph = Callable[[tuple[int, int]], Any]
TILE = (20, 27)


@pytest.fixture
def onnx_file(make_graph: MakeGraph, tmp_path: Path) -> Path:
    path = tmp_path / "graph.onnx"
    path.write_bytes(onnx_bytes(make_graph(TILE), None))
    return path


def precisions(xml: Path) -> dict[str, str]:
    """What each convolution runs in where the engine is set to bf16, by name."""
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bf16")
    compiled = core.compile_model(core.read_model(xml), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    layers = [(op.get_friendly_name(), op.get_rt_info()) for op in compiled.get_runtime_model().get_ops()]
    return {
        name: info["runtimePrecision"].astype(str)
        for name, info in layers
        if "Convolution" in info["layerType"].astype(str)
    }


def test_the_ends_compute_in_fp32_and_nothing_else_does(onnx_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    convert_openvino(onnx_file, tmp_path / "kept.xml", metadata={}, fp32_layers=ENDS)
    convert_openvino(onnx_file, tmp_path / "plain.xml", metadata={})
    kept = precisions(tmp_path / "kept.xml")
    assert {name for name, kind in kept.items() if kind == "f32"} == {
        name for name in kept if any(part in name for part in ENDS)
    }
    assert sum(kind == "f32" for kind in kept.values()) == 2
    assert set(precisions(tmp_path / "plain.xml").values()) == {"bf16"}


def test_a_name_that_no_layer_has_is_an_error(onnx_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(BackendError, match=r"no convolution of b\.xml is called like nowhere"):
        convert_openvino(onnx_file, tmp_path / "b.xml", metadata={}, fp32_layers=("nowhere",))


def test_constants_are_not_marked(tmp_path: Path) -> None:
    xml = tmp_path / "m.xml"
    layers = (
        '<layer id="0" name="upsample.0.weight" type="Const"/>'
        '<layer id="1" name="upsample.0.Conv" type="Add"><data/></layer>'
    )
    xml.write_text(f"<net><layers>{layers}</layers></net>")
    assert keep_fp32(xml, ("upsample",)) == 1
    assert xml.read_text().count('name="precise"') == 1


def test_rows_that_compute_in_bf16_keep_their_ends() -> None:
    assert {row.name for row in TARGETS if row.fp32_ends} == {
        row.name for row in TARGETS if ("INFERENCE_PRECISION_HINT", "bf16") in row.hints
    }
