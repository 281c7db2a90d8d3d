"""What a network's own ONNX file does, as a process of `LOOKING` finds it by running it: that one has the onnx package,
and takes a stranger's file that crashes the engine or fills the memory with it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from dlgsanet.errors import UnavailableError
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.bundle.foreign import ONE, ZERO, Channels, Foreign, Triple
from runtimes.machine.child import Job, ask

LOOKING = "export.networks.onnx_file.looking"
WHAT = "looking at the network"
TIMEOUT_S = 300.0
ENGINES_OWN = "com.microsoft"
"""The domain of operators that ONNX Runtime alone has."""


@dataclass(frozen=True)
class LookJob:
    """The file, and what its user says of it. `otherwise`: the range to take where it cannot be told; None: refuse
    then. `engines_own`: whether operators of ONNX Runtime alone are taken. `mean` and `deviation`: see Pixels."""

    file: str
    scale: int | None
    top: float | None
    channels: Channels
    otherwise: float | None = None
    engines_own: bool = False
    mean: Triple = ZERO
    deviation: Triple = ONE


@dataclass(frozen=True)
class Looked:
    """What was found. `holds_half`: it computes in floats narrower than fp32 somewhere, `holds_bfloat16`: in those that
    ONNX Runtime does not run, so that the same numbers in fp32 were looked at. `pixel_bytes`: the memory that each LR
    pixel took; None where the system does not tell."""

    foreign: Foreign
    scale: int
    notes: tuple[str, ...]
    holds_half: bool = False
    pixel_bytes: int | None = None
    holds_bfloat16: bool = False


def look(job: LookJob) -> Looked:
    """Raises InputError saying what the file is, where it is no network from a picture to a picture, UnavailableError
    without the onnx package."""
    if find_spec("onnx") is None:
        raise UnavailableError("an ONNX file is read with onnx, found none: pip install 'dlgsanet-edge[export]'")
    found: Looked = decode(Looked, ask(Job(LOOKING, to_json(job), WHAT, TIMEOUT_S)), WHAT)
    return found
