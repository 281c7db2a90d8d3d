"""A graph that was optimized before runs the same kernels, and only where it was made."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlgsanet.storage.shelf import KeptEntries
from runtimes import open_runner
from runtimes.backends.onnxruntime import kept_optimizing
from runtimes.backends.onnxruntime.kept_optimizing import KeptOptimizing
from runtimes.backends.onnxruntime.provider import Provider
from runtimes.backends.onnxruntime.session import ON_CPU
from runtimes.machine import processor

ort = pytest.importorskip("onnxruntime")

NAME = "onnxruntime-fp32-16x16"
LR = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)


@pytest.fixture(autouse=True)
def home(own_cache: Path) -> Path:
    return own_cache / "optimized"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each session that optimized its file."""
    found: list[str] = []
    real = KeptOptimizing._fresh
    monkeypatch.setattr(
        KeptOptimizing, "_fresh", lambda self, source, look: (found.append("made"), real(self, source, look))[1]
    )
    return found


def opened(bundle: Path, name: str = NAME, **options: Any) -> tuple[Any, ...]:
    with open_runner(bundle, name, **{"threads": 1, "cache": True, **options}) as run:
        return run.info, run.infer(LR).tobytes()


def in_int8(data: bytes) -> bytes:
    """The network with its one convolution between Q/DQ pairs."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(data)
    graph, make = model.graph, onnx.helper.make_node
    weight = onnx.numpy_helper.to_array(graph.initializer[0])
    step = np.float32(np.abs(weight).max() / 127)
    graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.rint(weight / step).astype(np.int8), "weight"))
    constants = {"by": np.float32(1 / 255), "zero": np.uint8(0), "w by": step, "w zero": np.int8(0)}
    graph.initializer.extend(onnx.numpy_helper.from_array(np.array(it), name) for name, it in constants.items())
    conv, shuffle = graph.node
    conv.input[0], conv.input[1], shuffle.input[0] = "lr seen", "weight seen", "maps seen"
    pairs = [make("QuantizeLinear", [name, "by", "zero"], [f"{name} whole"]) for name in ("lr", "maps")] + [
        make("DequantizeLinear", [f"{name} whole", "by", "zero"], [f"{name} seen"]) for name in ("lr", "maps")
    ]
    nodes = [pairs[0], pairs[2], make("DequantizeLinear", ["weight", "w by", "w zero"], ["weight seen"]), conv]
    nodes = [*map(copy.deepcopy, nodes), pairs[1], pairs[3], copy.deepcopy(shuffle)]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def test_the_second_time_nothing_is_optimized_and_nothing_differs(bundle: Path, made: list[str]) -> None:
    fresh = opened(bundle, cache=False)
    assert opened(bundle) == fresh and len(made) == 2
    assert opened(bundle) == fresh and len(made) == 2
    assert opened(bundle, threads=2)[1] == fresh[1] and len(made) == 2


def test_integer_kernels_are_seen_in_a_kept_graph_too(bundle: Path, kit: Any, made: list[str]) -> None:
    data = in_int8(kit.onnx_bytes())
    (bundle / "onnx" / "fp32-16x16.onnx").write_bytes(data)
    kit.rewrite(bundle, 0, id="onnxruntime-int8-16x16", precision="int8", files={"onnx/fp32-16x16.onnx": kit.sha(data)})
    fresh = opened(bundle, "onnxruntime-int8-16x16", cache=False)
    assert fresh[0].reported_precision == "int8"
    assert [opened(bundle, "onnxruntime-int8-16x16") for _ in range(2)] == [fresh, fresh] and len(made) == 2


def test_another_file_runtime_or_processor_is_optimized_anew(
    bundle: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(bundle)
    with open_runner(bundle, "onnxruntime-fp32-16x24", threads=1, cache=True):
        assert len(made) == 2
    monkeypatch.setattr(ort, "get_build_info", lambda: "another build")
    opened(bundle)
    assert len(made) == 3
    monkeypatch.setattr(processor, "cpu_with_instructions", lambda: "the same one without AVX-512")
    opened(bundle)
    assert len(made) == 4


def test_twins_that_show_their_inside_are_not_kept(bundle: Path, home: Path) -> None:
    with open_runner(bundle, NAME, threads=1, cache=True, taps=("maps",)) as run:
        run.inspect(LR)
    assert not home.exists()


def test_weights_in_other_files_are_not_kept(bundle: Path, home: Path, kit: Any) -> None:
    data = kit.onnx_bytes(external="w.bin")
    (bundle / "onnx" / "fp32-16x16.onnx").write_bytes(data)
    (bundle / "onnx" / "w.bin").write_bytes(kit.weight.tobytes())
    files = {"onnx/fp32-16x16.onnx": kit.sha(data), "onnx/w.bin": kit.sha(kit.weight.tobytes())}
    kit.rewrite(bundle, 0, files=files)
    opened(bundle)
    assert not home.exists()


def test_what_is_damaged_or_refused_is_optimized_anew(bundle: Path, home: Path, made: list[str]) -> None:
    fresh = opened(bundle)
    (path,) = home.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert opened(bundle) == fresh and len(made) == 2
    KeptEntries().keep("optimized", path.stem, {"graph.onnx": b"of another ONNX Runtime"})
    assert opened(bundle) == fresh and len(made) == 3
    KeptEntries().keep("optimized", path.stem, {"another name": b""})
    assert opened(bundle) == fresh and len(made) == 4
    assert opened(bundle) == fresh and len(made) == 4


def test_a_graph_that_cannot_be_written_is_no_error(
    bundle: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = opened(bundle, cache=False)
    monkeypatch.setattr(kept_optimizing.tempfile, "tempdir", str(tmp_path / "missing"))
    assert opened(bundle) == fresh
    assert not home.exists() or not list(home.iterdir())


def test_what_is_wrong_with_a_file_is_said_as_without(bundle: Path) -> None:
    model = (bundle / "onnx" / "fp32-16x16.onnx").read_bytes()
    said = []
    for on in (False, True):
        opening = KeptOptimizing(ort, ON_CPU, 1, False, KeptEntries(on))
        with pytest.raises(Exception, match="ONNX") as caught:
            opening.opened("network", model[: len(model) // 2], look=False)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_nothing_of_other_providers_is_kept(home: Path) -> None:
    given = []

    class Elsewhere(Provider):
        def session(self, ort: Any, source: Any, options: Any) -> Any:
            given.append(options.optimized_model_filepath)
            return SimpleNamespace()

    opening = KeptOptimizing(ort, Elsewhere("CUDAExecutionProvider"), 1, False, KeptEntries())
    assert opening.opened("network", b"", look=True).graph is None
    assert given == [""] and not home.exists()
