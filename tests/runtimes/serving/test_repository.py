"""Repositories of the tiny bundle: by each server's own schema, whole or not at all."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.__main__ import main
from dlgsanet.errors import InputError
from runtimes.backends.tensorrt.engine_record import SCHEMA, EngineRecord, engine_path, host_platform, write_engine
from runtimes.bundle.manifest import read_manifest
from runtimes.serving.options import RepositoryOptions
from runtimes.serving.repository import MARKER, plan_repository, write_repository
from runtimes.serving.triton import config_text


def options(bundle: Path, server: str, **others: Any) -> RepositoryOptions:
    return RepositoryOptions(bundle=bundle, output=bundle.parent / "models", server=server, **others)


def parsed(text: str) -> Any:
    schema = importlib.import_module("tritonclient.grpc.model_config_pb2")
    return importlib.import_module("google.protobuf.text_format").Parse(text, schema.ModelConfig())


def test_triton_gets_every_artifact_that_it_runs_as_it_was_judged(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("tritonclient.grpc")
    planned = plan_repository(options(bundle, "triton", instances=2))
    assert [model.artifact.id for model in planned.models] == [
        "onnxruntime-fp32-16x16",
        "openvino-bf16-16x16",
        "onnxruntime-fp32-16x24",
    ]
    assert all("cannot pin" in one.reason for one in planned.passed) and len(planned.passed) == 3
    write_repository(planned, tmp_path / "models")
    place = tmp_path / "models" / "tiny-onnxruntime-fp32-16x24"
    assert (place / "1" / "model.onnx").read_bytes() == (bundle / "onnx" / "fp32-16x24.onnx").read_bytes()
    config = parsed((place / "config.pbtxt").read_text())
    assert config.name == place.name and config.backend == "onnxruntime" and config.max_batch_size == 0
    assert list(config.input[0].dims) == [1, 3, 16, 24] and list(config.output[0].dims) == [1, 3, 32, 48]
    assert config.instance_group[0].count == 2 and config.parameters["dlgsanet_artifact"].string_value
    bf16 = parsed((tmp_path / "models" / "tiny-openvino-bf16-16x16" / "config.pbtxt").read_text())
    assert bf16.parameters["HINT_BF16"].string_value == "YES"


def test_the_warm_up_is_a_tile_of_the_pack(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("tritonclient.grpc")
    planned = plan_repository(options(bundle, "triton"))
    write_repository(planned, tmp_path / "models")
    place = tmp_path / "models" / "tiny-onnxruntime-fp32-16x16"
    warmup = parsed((place / "config.pbtxt").read_text()).model_warmup[0].inputs["lr"]
    written = np.fromfile(place / "warmup" / warmup.input_data_file, np.float32).reshape(warmup.dims)
    assert np.array_equal(written, planned.warm[16, 16])


def test_a_built_engine_is_served_on_its_gpu_and_none_without(bundle: Path, kit: Any) -> None:
    pytest.importorskip("tritonclient.grpc")
    manifest = read_manifest(bundle)
    first = manifest.artifacts[0]
    artifact = kit.artifact("tensorrt", "fp16", kit.tile, first.path, dict(first.files))
    kit.write(bundle, kit.manifest([artifact]))
    with pytest.raises(InputError, match="run `dlgsanet build`"):
        plan_repository(options(bundle, "triton"))
    engine = engine_path(artifact, "sm87")
    record = EngineRecord(
        schema=SCHEMA, artifact=artifact.id, engine_sha256=kit.sha(b"plan"), library="tensorrt", version="10.3.0",
        sm="sm87", platform=host_platform(), onnx=artifact.path, onnx_sha256=artifact.files[artifact.path],
        scales=None, options={}, kernels={},
    )  # fmt: skip
    write_engine(bundle, engine, b"plan", record)
    planned = plan_repository(options(bundle, "triton"))
    assert [model.name for model in planned.models] == [f"tiny-{artifact.id}-sm87"]
    config = parsed(config_text(planned, planned.models[0]))
    assert config.backend == "tensorrt" and config.instance_group[0].kind == 1  # KIND_GPU
    (bundle / engine).write_bytes(b"another")
    with pytest.raises(InputError, match="was changed after it was built"):
        plan_repository(options(bundle, "triton"))


def test_ovms_pins_the_precision_of_every_artifact_of_openvino(bundle: Path, tmp_path: Path) -> None:
    planned = plan_repository(options(bundle, "ovms", instances=3))
    write_repository(planned, tmp_path / "models")
    written = json.loads((tmp_path / "models" / "config.json").read_text())
    configs = {one["config"]["name"]: one["config"] for one in written["model_config_list"]}
    assert set(configs) == {
        f"tiny-openvino-{name}" for name in ("fp32-16x16", "bf16-16x16", "fp16-16x16", "fp32-16x24")
    }
    bf16 = configs["tiny-openvino-bf16-16x16"]
    assert bf16["plugin_config"] == {"INFERENCE_PRECISION_HINT": "bf16", "NUM_STREAMS": "3"} and bf16["nireq"] == 3
    assert bf16["target_device"] == "CPU" and configs["tiny-openvino-fp16-16x16"]["target_device"] == "GPU"
    allowed = {"name", "base_path", "target_device", "nireq", "plugin_config"}  # of its schema, which allows no others
    assert all(set(config) == allowed for config in configs.values())
    for name, config in configs.items():
        assert config["base_path"] == f"/models/{name}"
        assert sorted(path.name for path in (tmp_path / "models" / name / "1").iterdir()) == ["model.bin", "model.xml"]


def test_a_changed_file_is_not_deployed(bundle: Path, tmp_path: Path) -> None:
    (bundle / "openvino" / "fp32-16x16.bin").write_bytes(b"changed")
    assert main(["repository", str(bundle), "-o", str(tmp_path / "models"), "--for", "ovms"]) == 2
    assert not (tmp_path / "models").exists()


def test_wrong_words_and_places(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "models"
    asked = ["repository", str(bundle), "-o", str(place), "--for"]
    assert main([*asked, "torchserve"]) == 2
    assert main([*asked, "ovms", "--artifact", "onnxruntime"]) == 2
    assert "and no others" in capsys.readouterr().err
    assert main([*asked, "ovms", "--artifact", "nothing"]) == 2
    assert main([*asked, "ovms"]) == 0 and (place / MARKER).is_file()
    assert main([*asked, "ovms"]) == 2
    assert main([*asked, "ovms", "--force", "--json"]) == 0
    (place / "mine.txt").write_text("precious")
    assert main([*asked, "ovms", "--force"]) == 2 and (place / "mine.txt").is_file()
    assert "would delete" in capsys.readouterr().err


def test_force_replaces_no_folder_that_only_looks_like_a_repository(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text("# my own repositories")
    with pytest.raises(InputError, match="lists its files"):
        write_repository(plan_repository(options(bundle, "ovms")), tmp_path, force=True)
    assert (tmp_path / MARKER).read_text() == "# my own repositories"


def test_the_readme_has_the_lines_that_start_and_judge_it(bundle: Path, tmp_path: Path) -> None:
    planned = plan_repository(options(bundle, "ovms"))
    write_repository(planned, tmp_path / "models")
    text = (tmp_path / "models" / MARKER).read_text()
    assert "docker run" in text and "--config_path /models/config.json" in text
    assert "dlgsanet check BUNDLE --artifact openvino-fp32-16x16 --server grpc://HOST:8001" in text
    assert all(model.name in text for model in planned.models) and all(
        one.artifact.id in text for one in planned.passed
    )
