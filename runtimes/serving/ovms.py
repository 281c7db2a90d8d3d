"""OpenVINO Model Server: `config.json`, with the precision of every artifact pinned as it is when it is judged.

Source: github.com/openvinotoolkit/model_server, docs/parameters.md and docs/starting_server.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from runtimes.backends.openvino import ENGINE as OPENVINO
from runtimes.bundle.manifest import Artifact, Manifest
from runtimes.serving.deployed import Deployed, Passed, Repository, ir_files, model_name

SERVER = "ovms"
CONFIG = "config.json"
PLACE = "/models"
"""Where the container sees the repository; the configuration must name it whole."""


def ovms_models(manifest: Manifest, bundle: Path, artifact: Artifact) -> Iterator[Deployed | Passed]:
    """The model of one artifact."""
    path = bundle / artifact.path
    if artifact.backend != OPENVINO.name:
        yield Passed(artifact, "OpenVINO Model Server runs artifacts of OpenVINO as they were judged, and no others")
    else:
        gpu = artifact.precision == "fp16"  # which no CPU of today multiplies in
        needs = "an Intel GPU" if gpu else ""
        yield Deployed(
            model_name(manifest, artifact), artifact, ir_files(path), artifact.hints, on_gpu=gpu, needs=needs
        )


def config_json(repository: Repository) -> str:
    """`config.json` of all models."""
    models = [
        {
            "config": {
                "name": model.name,
                "base_path": f"{PLACE}/{model.name}",
                "target_device": "GPU" if model.on_gpu else "CPU",
                "nireq": repository.instances,
                "plugin_config": {**model.settings, "NUM_STREAMS": str(repository.instances)},
            }
        }
        for model in repository.models
    ]
    return json.dumps({"model_config_list": models}, indent=2) + "\n"


def write_ovms(repository: Repository, folder: Path) -> None:
    """The configuration of all models, whose versions are there."""
    (folder / CONFIG).write_text(config_json(repository), encoding="utf-8")
