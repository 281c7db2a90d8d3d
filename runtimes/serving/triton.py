"""Triton: `config.pbtxt` by its own schema, and which artifacts its backends run as they were judged.

Sources: github.com/triton-inference-server/server, docs/user_guide/model_configuration.md; openvino_backend, README.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from dlgsanet.errors import UnavailableError
from runtimes.backends.kserve import ARTIFACT
from runtimes.backends.kserve import ENGINE as CLIENT
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME
from runtimes.backends.openvino import ENGINE as OPENVINO
from runtimes.backends.tensorrt import TENSORRT
from runtimes.backends.tensorrt.engine_record import built_records, engine_path, read_engine
from runtimes.bundle.manifest import Artifact, Manifest, Port
from runtimes.serving.deployed import Deployed, Passed, Repository, ir_files, model_name

SERVER = "triton"
WARM = "warmup"
_HINT, _BF16 = "INFERENCE_PRECISION_HINT", "bf16"


def triton_models(manifest: Manifest, bundle: Path, artifact: Artifact) -> Iterator[Deployed | Passed]:
    """The models of one artifact: one for each engine that was built of it, one for any other. Raises InputError for an
    engine that was changed after it was built."""
    name, path = model_name(manifest, artifact), bundle / artifact.path
    if artifact.backend == ONNXRUNTIME.name:
        yield Deployed(name, artifact, {"model.onnx": path})
    elif artifact.backend == OPENVINO.name and artifact.hints.get(_HINT) == _BF16:
        yield Deployed(name, artifact, ir_files(path), {"HINT_BF16": "YES"}, needs="a CPU with bf16")
    elif artifact.backend == OPENVINO.name:
        yield Passed(artifact, "Triton's OpenVINO backend cannot pin its precision, so a CPU with bf16 would take that")
    elif artifact.backend == TENSORRT.name:
        yield from _plans(name, bundle, artifact)
    else:
        yield Passed(artifact, f"Triton has no backend for {artifact.backend}")


def _plans(name: str, bundle: Path, artifact: Artifact) -> Iterator[Deployed | Passed]:
    built = [record for record in built_records(bundle, artifact) if record.library == TENSORRT.module]
    if not built:
        yield Passed(artifact, "no TensorRT engine is built of it: run `dlgsanet build` on the GPU that will serve it")
    for record in built:
        engine = engine_path(artifact, record.sm)
        read_engine(bundle, engine, record)
        plan = {"model.plan": bundle / engine}
        needs = f"a GPU of {record.sm} and TensorRT {record.version}"
        yield Deployed(f"{name}-{record.sm}", artifact, plan, on_gpu=True, needs=needs)


def config_text(repository: Repository, model: Deployed) -> str:
    """`config.pbtxt`. Written through Triton's own schema, so that no field can be wrong in name or kind.

    Raises UnavailableError without the client, which brings that schema.
    """
    CLIENT.load()
    try:
        schema = importlib.import_module("tritonclient.grpc.model_config_pb2")
        text_format = importlib.import_module("google.protobuf.text_format")
    except ImportError as error:
        raise UnavailableError(f"the schema of Triton is not usable here ({error}); {CLIENT.advice}") from error
    artifact = model.artifact
    config = schema.ModelConfig(
        name=model.name,
        backend=artifact.backend,  # Triton calls its backends as we do ours
        max_batch_size=0,
        input=[schema.ModelInput(**_port(schema, artifact.input))],
        output=[schema.ModelOutput(**_port(schema, artifact.output))],
        version_policy=schema.ModelVersionPolicy(latest=schema.ModelVersionPolicy.Latest(num_versions=1)),
        instance_group=[
            schema.ModelInstanceGroup(
                count=repository.instances,
                kind=getattr(schema.ModelInstanceGroup, "KIND_GPU" if model.on_gpu else "KIND_CPU"),
            )
        ],
    )
    config.parameters[ARTIFACT].string_value = artifact.id
    for key, value in model.settings.items():
        config.parameters[key].string_value = value
    if artifact.tile in repository.warm:
        warmup = config.model_warmup.add(name="a tile", batch_size=1)
        warmup.inputs[artifact.input.name].data_type = schema.TYPE_FP32
        warmup.inputs[artifact.input.name].dims.extend(artifact.input.shape)
        warmup.inputs[artifact.input.name].input_data_file = _warm_file(artifact)
    return str(text_format.MessageToString(config))


def _port(schema: object, port: Port) -> dict[str, object]:
    return {"name": port.name, "data_type": getattr(schema, "TYPE_FP32"), "dims": list(port.shape)}  # noqa: B009


def _warm_file(artifact: Artifact) -> str:
    return f"{artifact.tile[0]}x{artifact.tile[1]}.raw"


def write_triton(repository: Repository, folder: Path) -> None:
    """The configuration and warm-up of every model, whose versions are there. Raises as `config_text`."""
    for model in repository.models:
        place = folder / model.name
        (place / "config.pbtxt").write_text(config_text(repository, model), encoding="utf-8")
        picture = repository.warm.get(model.artifact.tile)
        if picture is not None:
            (place / WARM).mkdir()
            (place / WARM / _warm_file(model.artifact)).write_bytes(picture.tobytes())
