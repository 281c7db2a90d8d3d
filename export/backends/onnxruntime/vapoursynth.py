"""The bundle's script for VapourSynth, beside the float32 ONNX files that it runs through vs-mlrt."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import PurePosixPath

from dlgsanet.storage.atomic import sha256_file
from export.backends.backend import Finished
from runtimes.bundle.manifest import Artifact
from runtimes.runner.overlap import DEFAULT_OVERLAP

SCRIPT = "upscale.vpy"


def script() -> bytes:
    """As it stands in a bundle: where it says DEFAULT_OVERLAP there is the number."""
    text = files("export.backends.onnxruntime").joinpath(SCRIPT).read_text(encoding="utf-8")
    return text.replace("DEFAULT_OVERLAP", str(DEFAULT_OVERLAP)).encode()


def add_script(finished: Finished) -> tuple[Artifact, ...]:
    """Write the script where there is a float32 ONNX; the manifest lists it with each of them."""
    return tuple(_with_script(finished, one) if one.precision == "fp32" else one for one in finished.artifacts)


def _with_script(finished: Finished, artifact: Artifact) -> Artifact:
    path = str(PurePosixPath(artifact.path).with_name(SCRIPT))
    place = finished.bundle / path
    place.write_bytes(script())
    return replace(artifact, files={**artifact.files, path: sha256_file(place)})
