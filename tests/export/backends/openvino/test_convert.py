from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dlgsanet.errors import BackendError
from dlgsanet.network.model import DLGSANet
from export.backends.openvino.convert import MODEL_INFO, RT_INFO_KEY, Weights, convert_openvino
from export.graph.graph import onnx_bytes
from export.quantization.layers import ENDS
from runtimes.backends.openvino.layers import facts_of, precision_of
from runtimes.machine import child

MakeModel = Callable[..., DLGSANet]
MakeGraph = Callable[[tuple[int, int]], Any]
ToDb = Callable[[np.ndarray, np.ndarray], float]

TILE = (20, 27)


@pytest.fixture
def onnx_file(make_graph: MakeGraph, tmp_path: Path) -> Path:
    path = tmp_path / "graph.onnx"
    path.write_bytes(onnx_bytes(make_graph(TILE), None))
    return path


def test_openvino_agrees_with_torch_and_carries_the_keys(
    make_model: MakeModel, onnx_file: Path, tmp_path: Path, to_db: ToDb
) -> None:
    openvino = pytest.importorskip("openvino")
    convert_openvino(onnx_file, tmp_path / "a.xml", metadata={"id": "x", "tile": "[1, 2]"}, facts={"scale": "4"})
    model = openvino.Core().read_model(tmp_path / "a.xml")
    assert model.get_rt_info([RT_INFO_KEY, "id"]).astype(str) == "x"
    assert model.get_rt_info([RT_INFO_KEY, "tile"]).astype(str) == "[1, 2]"
    assert model.get_rt_info([MODEL_INFO, "scale"]).astype(str) == "4"
    assert [port.any_name for port in (*model.inputs, *model.outputs)] == ["lr", "sr"]
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    lr = np.random.default_rng(0).random((1, 3, *TILE), dtype=np.float32)
    found = openvino.Core().compile_model(model, "CPU", hints)({"lr": lr})["sr"]
    with torch.inference_mode():
        assert to_db(found, make_model()(torch.from_numpy(lr)).numpy()) > 110


WEIGHTS: dict[str, Weights] = {"full": "fp32", "half": "fp16", "quarter": "int8"}


def test_weights_are_stored_smaller_and_nothing_names_the_machine(onnx_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    for name, kind in WEIGHTS.items():
        convert_openvino(onnx_file, tmp_path / f"{name}.xml", weights=kind, metadata={})
    sizes = [(tmp_path / f"{name}.bin").stat().st_size for name in WEIGHTS]
    assert sizes[1] < 0.6 * sizes[0] and sizes[2] < 0.4 * sizes[0]
    for path in (tmp_path, Path(__file__).resolve().parents[4]):
        assert str(path).encode() not in (tmp_path / "full.xml").read_bytes()


def test_int8_weights_compute_in_fp32_near_the_exact_ones(
    make_model: MakeModel, onnx_file: Path, tmp_path: Path, to_db: ToDb
) -> None:
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    core, hints = openvino.Core(), {"INFERENCE_PRECISION_HINT": "f32"}
    lr = np.random.default_rng(0).random((1, 3, *TILE), dtype=np.float32)
    found = {}
    for name in ("full", "quarter"):
        convert_openvino(onnx_file, tmp_path / f"{name}.xml", weights=WEIGHTS[name], metadata={})
        network = core.read_model(tmp_path / f"{name}.xml")
        compiled = core.compile_model(network, "CPU", hints)
        assert precision_of(facts_of(network), compiled) == ("int8w" if name == "quarter" else "fp32")
        found[name] = compiled({"lr": lr})["sr"]
    assert 35 < to_db(found["quarter"], found["full"]) < 100  # not exact, and not something else
    stored = {
        op.get_friendly_name(): weight_type(op) for op in network.get_ops() if "Convolution" in op.get_type_name()
    }
    ends = {name for name in stored if any(end in name for end in ENDS)}
    assert {stored[name] for name in ends} == {"f16"} and {stored[name] for name in stored.keys() - ends} == {"i8"}


def weight_type(convolution: Any) -> str:
    """What the file stores, behind what restores it."""
    node = convolution.input(1).get_source_output().get_node()
    while node.get_type_name() != "Constant":
        node = node.input(0).get_source_output().get_node()
    return str(node.get_element_type().get_type_name())


def test_the_same_bytes_every_time(onnx_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    for name in ("one", "two"):
        convert_openvino(onnx_file, tmp_path / name / "m.xml", metadata={"b": "1", "a": "2"})
    for suffix in (".xml", ".bin"):
        files = [(tmp_path / name / "m").with_suffix(suffix).read_bytes() for name in ("one", "two")]
        assert files[0] == files[1]


def test_a_broken_graph_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")
    with pytest.raises(BackendError, match=r"could not convert a\.xml") as caught:
        convert_openvino(tmp_path / "bad.onnx", tmp_path / "a.xml", metadata={})
    assert "\n" not in str(caught.value)


def test_a_crash_of_the_converter_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = subprocess.Popen

    def crash(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        script = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        return real([sys.executable, "-c", script], **options)

    monkeypatch.setattr(child.subprocess, "Popen", crash)
    with pytest.raises(BackendError, match=r"its process ended \(SIGSEGV\)"):
        convert_openvino(tmp_path / "x.onnx", tmp_path / "a.xml", metadata={})
