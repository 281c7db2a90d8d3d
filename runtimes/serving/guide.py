"""The README of a repository: the lines that start the server, judge it and use it."""

from __future__ import annotations

from runtimes.serving import ovms, triton
from runtimes.serving.deployed import Repository

TRITON_IMAGE = "nvcr.io/nvidia/tritonserver:25.08-py3"
OVMS_IMAGE = "openvino/model_server:2025.3"

_START = {
    triton.SERVER: (
        'docker run --rm -p 8000:8000 -p 8001:8001 --shm-size 1g -v "$PWD":/models:ro \\\n'
        f"  {TRITON_IMAGE} tritonserver --model-repository /models"
    ),
    ovms.SERVER: (
        f'docker run --rm -p 8000:8000 -p 8001:8001 -v "$PWD":{ovms.PLACE}:ro {OVMS_IMAGE} \\\n'
        f"  --config_path {ovms.PLACE}/{ovms.CONFIG} --port 8001 --rest_port 8000"
    ),
}
_GPU = {
    triton.SERVER: "Add `--gpus all` for the models of a GPU.\n",
    ovms.SERVER: "Add `--device /dev/dri` for the models of a GPU.\n",
}


def guide(repository: Repository) -> str:
    """Markdown."""
    rows = [f"| `{one.name}` | `{one.artifact.id}` | {one.needs or 'any'} |" for one in repository.models]
    left = [f"- `{one.artifact.id}`: {one.reason}" for one in repository.passed]
    first = repository.models[0]
    tile = f"{first.artifact.tile[0]}x{first.artifact.tile[1]}"
    gpu = _GPU[repository.server] if any(one.on_gpu for one in repository.models) else ""
    return "\n".join(
        [
            f"# {repository.manifest.name} for {repository.server}",
            "One tile in, one picture out: NCHW float32, RGB in [0, 1], fixed sizes. The client cuts and joins.",
            "",
            "| model | artifact | machine |",
            "|---|---|---|",
            *rows,
            "",
            *(["Not here:", *left, ""] if left else []),
            "## Start",
            f"```\n{_START[repository.server]}\n```",
            f"{gpu}## Judge it, by the gates that the file itself has passed",
            f'```\npip install "dlgsanet-edge[server]"\n'
            f"dlgsanet check BUNDLE --artifact {first.artifact.id} --server grpc://HOST:8001 --model {first.name}\n"
            f"dlgsanet bench BUNDLE --artifact {first.artifact.id} --server grpc://HOST:8001 --model {first.name}\n```",
            f"## Use it\nPictures of any size go through in tiles of {tile}:",
            f"```\ndlgsanet upscale PICTURE -o large --server grpc://HOST:8001 --model {first.name}\n```",
            "",
        ]
    )
