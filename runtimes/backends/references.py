"""What judges an artifact's numbers where its engine cannot run: interpreters of the saved files, which are no device.

Their results are labelled with their names, and stand in no table of times.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from runtimes.backends.coreml import reference as mil_runner
from runtimes.backends.tensorrt import reference as tensorrt_reference
from runtimes.bundle.manifest import Artifact, artifact_id

INTERPRETERS = (mil_runner.REFERENCE, *tensorrt_reference.FILES)
"""Device names that `check` accepts and `bench` refuses."""


@dataclass(frozen=True)
class Judge:
    """`name`: what its records are called; `device`: by what; `note`: what a reader must know."""

    name: str
    device: str
    note: str


def judges(artifact: Artifact, device: str) -> tuple[Judge, ...]:
    """The interpreters that stand in for this artifact's engine on `device`; none where the engine is to run.

    TensorRT's engines run on a GPU (`--device GPU`); on the CPU, the default, their files are judged. An int8 artifact
    has two, each with a judge and a name of its own: which one becomes the engine is not known before it is built.
    """
    if artifact.backend == "coreml" and sys.platform != "darwin":
        by = mil_runner.REFERENCE
        what = f" (its function {artifact.function})" if artifact.function else ""
        return (Judge(artifact.id, by, f"not run on Apple hardware: judged by {by}, {_INTERPRETER}{what}"),)
    if artifact.backend == "tensorrt" and device in ("CPU", tensorrt_reference.REFERENCE):
        note = f"not run on NVIDIA hardware: judged by {tensorrt_reference.REFERENCE}, {_STRICT}"
        found = [Judge(artifact.id, tensorrt_reference.REFERENCE, note)]
        if len(artifact.files) > 1:
            variant = "-".join(filter(None, (artifact.variant, "fp16-scales")))
            name = artifact_id(artifact.backend, artifact.precision, variant, artifact.tile)
            found.append(Judge(name, tensorrt_reference.FP16_SCALES, note))
        return tuple(found)
    return ()


_INTERPRETER = "an interpreter of the saved package"
_STRICT = "the engine's ONNX with every rounding that it states, on a CPU"
