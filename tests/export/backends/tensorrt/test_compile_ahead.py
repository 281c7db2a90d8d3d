"""TensorRT-RTX engines, really compiled, without a GPU: what the compiler made of the graph is what is asserted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from dlgsanet.__main__ import main
from dlgsanet.checkpoints import load_model
from dlgsanet.errors import BackendError, InputError, UnavailableError
from export.backends.tensorrt import compile_ahead as to_tensorrt_rtx
from export.backends.tensorrt.entry import CAPABILITIES
from export.backends.tensorrt.half_precision import fp32_islands, to_half
from export.backends.tensorrt.typed_graphs import TypedGraphs
from export.backends.tensorrt.without_bundle import make_onnx
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.graph.graph import Graph
from export.quantization.options import CalibrationOptions
from export.targets.choice import parse_targets
from runtimes.backends.tensorrt.compiling.compile import CompileJob, RefusedError, compile_engine
from runtimes.backends.tensorrt.engine_record import EngineRecord, parse_record
from runtimes.bundle.artifact_facts import Cost
from runtimes.bundle.manifest import read_manifest
from tests.export.backends.tensorrt.operator_cases import all_of_them

pytest.importorskip("tensorrt_rtx")
pytest.importorskip("skimage")
TILE = (32, 24)
MOST_KERNELS = {"fp32": 145, "fp16": 150, "int8": 185}
"""Of nano x4: some more than are seen, so that a graph that falls apart is noticed."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rtx") / "bundle"
    targets = ("tensorrt-rtx-fp32", "tensorrt-rtx-fp16", "tensorrt-rtx-int8")
    export_bundle("nano-x4", out, ExportOptions(targets, (TILE,), calibration=CalibrationOptions(tiles=12)))
    return out


def record(artifact) -> EngineRecord:
    return parse_record(artifact.graph.engine, "engine")


def compiled(data: bytes, folder: Path, name: str) -> tuple[bytes, object]:
    (folder / "graph.onnx").write_bytes(data)
    made = compile_engine(
        CompileJob("tensorrt_rtx", str(folder / "graph.onnx"), str(folder / name), sm="sm86"), 120.0, lambda step: None
    )
    return (folder / name).read_bytes(), made


@pytest.mark.slow  # the compiler takes 3 s for each
@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
def test_it_takes_every_operator_that_the_linter_knows(half: bool, tmp_path: Path) -> None:
    model = all_of_them()
    typed = to_half(model, fp32_islands(model)) if half else model
    assert compiled(typed.SerializeToString(), tmp_path, "engine")[0]


def test_one_engine_for_every_gpu_and_precision(bundle):
    artifacts = {artifact.id: artifact for artifact in read_manifest(bundle).artifacts}
    expected = [f"tensorrt-rtx-{p}-{sm}-32x24" for p in ("fp32", "fp16", "int8") for sm in CAPABILITIES]
    assert list(artifacts) == expected
    for name, artifact in artifacts.items():
        found = record(artifact)
        assert (found.artifact, found.sm, found.library) == (name, artifact.variant, "tensorrt_rtx")
        addresses = found.options.pop("addresses")
        assert addresses == "fixed" or addresses.startswith("random")
        assert found.options == {"typing": "strong", "tf32": "off", "ahead_of_time": artifact.variant}
        assert artifact.files == {f"tensorrt/{name}.engine": found.engine_sha256}
        assert artifact.graph.build.seconds < 60 and artifact.graph.build.peak_mb < 1000
    engines = {(bundle / artifact.path).read_bytes() for artifact in artifacts.values()}
    assert len(engines) == len(artifacts)


def test_every_convolution_computes_in_what_was_asked_for(bundle):
    for artifact in read_manifest(bundle).artifacts:
        table = record(artifact).table
        assert table is not None
        assert table.precision == artifact.precision
        asked = artifact.graph.int8_convolutions or 41  # all 41, or those that the quantizer chose
        assert table.dense[artifact.precision] == asked and sum(table.dense.values()) == 41
        assert "int8" not in table.grouped and sum(table.grouped.values()) > 0
        assert table.total <= MOST_KERNELS[artifact.precision], table.line
        assert (table.requantize > 0) == (artifact.precision == "int8")
        assert table.weight_bytes and table.activation_bytes
        if artifact.precision != "int8":
            assert set(table.grouped) == {artifact.precision}


def test_a_second_build_gives_the_same_bytes(bundle, tmp_path):
    (fp16,) = (it for it in read_manifest(bundle).artifacts if it.id.startswith("tensorrt-rtx-fp16-sm86"))
    (data,) = make_onnx(load_model("nano-x4"), TILE, "fp16").values()
    engine, _ = compiled(data, tmp_path, "engine")
    if hashlib.sha256(data).hexdigest() == record(fp16).onnx_sha256:  # the graph's name is not in make_onnx's hands
        assert hashlib.sha256(engine).hexdigest() == record(fp16).engine_sha256
    again, _ = compiled(data, tmp_path, "again")
    assert again == engine


def test_without_a_gpu_nothing_is_claimed(bundle, capsys):
    assert main(["bench", str(bundle), "--device", "GPU", "--runs", "5", "--artifact", "tensorrt-rtx-fp16-sm86"]) == 3
    out, err = capsys.readouterr()
    assert "no NVIDIA GPU" in out and "could not be timed here" in err
    assert main(["check", str(bundle), "--artifact", "tensorrt-rtx-fp16-sm86"]) in (1, 3)  # 1: of tiling, at 32x24
    assert "not run here: no NVIDIA GPU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([RefusedError("no tactic"), RefusedError("no kernel")], UnavailableError),
        ([RefusedError("no tactic"), BackendError("SIGSEGV")], BackendError),
    ],
)
def test_a_graph_that_no_form_compiles_is_one_line(tmp_path, monkeypatch, errors, kind):
    said = f"could not compile a: {errors[0]}; {errors[1]}: leave this target out"
    left = iter(errors)

    def refuse(*_: object) -> None:
        raise next(left)

    monkeypatch.setattr(to_tensorrt_rtx, "compile_engine", refuse)
    typed = TypedGraphs({"": Graph(onnx.ModelProto()), ".fp16-scales": Graph(onnx.ModelProto())}, Cost())
    with pytest.raises(kind, match=said):
        to_tensorrt_rtx.compile_ahead(tmp_path, "a", typed, "sm86")


def test_names_of_rows_with_two_dashes():
    (row,) = parse_targets(["tensorrt-rtx-fp16"], [])
    assert (row.backend, row.precision) == ("tensorrt-rtx", "fp16")
    assert [row.name for row in parse_targets(["tensorrt-rtx"], ["int8"])] == ["tensorrt-rtx-int8"]
    with pytest.raises(InputError, match="give --to tensorrt-rtx"):
        parse_targets(["tensorrt-rtx-fp16"], ["fp32"])


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "most"), [("fp32", 300), ("fp16", 300), ("int8", 400)])
def test_tiny_x4_stays_within_its_bounds(tmp_path, precision, most):
    tiles = np.random.default_rng(0).random((2, 3, 128, 128), np.float32) if precision == "int8" else None
    data = next(iter(make_onnx(load_model("tiny-x4"), (128, 128), precision, tiles=tiles).values()))
    engine, made = compiled(data, tmp_path, "engine")
    assert made.seconds < 10 and made.peak_mb < 1000
    assert made.table.total <= most, made.table.line
    assert sum(made.table.dense.values()) == 87 and "int8" not in made.table.grouped
    assert made.table.dense[precision] == 87 or precision == "int8"
    again, repeated = compiled(data, tmp_path, "again")
    assert repeated.table == made.table
    assert again == engine or precision == "int8"  # see docs/studies/tensorrt.md
