"""A PyTorch module as an ONNX file by the straight path, proven against the module.

Runs as `python -m export.networks.torch_module.tracing`, in a process of its own: the code may be a stranger's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dlgsanet.errors import BackendError, EdgeError, InputError, shown
from dlgsanet.storage.typed_json import decode, to_json
from export.graph.build import INPUT, OUTPUT
from export.networks.onnx_file.looking import TRIED
from export.networks.proof import certified
from export.networks.torch_module.ending import refuses_to_end
from export.networks.torch_module.factory import load_factory
from export.networks.torch_module.loaded import LoadedModule
from export.networks.torch_module.one_input import require_one_input
from export.networks.torch_module.picture_reads import require_one_graph
from export.networks.torch_module.same_again import require_same_again
from export.networks.torch_module.spandrel_file import load_spandrel
from export.pictures import photograph
from runtimes.backends.onnxruntime.untouched import UntouchedOnnx, open_untouched
from runtimes.bundle.artifact_facts import Certificate
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.machine.child import Job, Say, ask, serve
from runtimes.machine.memory import limit_to_available
from runtimes.runner.tiling import Array, Tile

FAMILIES: Mapping[str, Callable[[str], LoadedModule]] = {"torch": load_factory, "spandrel": load_spandrel}
OPSET = 18


@dataclass(frozen=True)
class TraceJob:
    """What to load by which family, for which tiles (LR pixels), and the file to write: at sizes that may change
    (`changing`), or at the first tile alone."""

    family: str
    thing: str
    tiles: tuple[Tile, ...]
    file: str
    changing: bool


@dataclass(frozen=True)
class Traced:
    """The file takes sides that are multiples of `multiple`, or one size alone; the certificate compares it with the
    module. The rest: see LoadedModule."""

    multiple: int
    certificate: Certificate
    facts: Mapping[str, str]
    licence: str
    tiling: str


def trace(family: str, thing: str, tiles: tuple[Tile, ...], file: Path, say: Say) -> Traced:
    """At sizes that may change where that works for every tile, else at the first tile; each try is a process of its
    own. Raises InputError for what cannot be loaded or traced, GateError where the file is not the module."""
    say(f"tracing {shown(thing)} at sizes that may change")
    try:
        return _ask(TraceJob(family, thing, tiles, str(file), True))
    except BackendError:
        say(f"its sizes cannot change: tracing it at {tiles[0][0]}x{tiles[0][1]} alone")
    return _ask(TraceJob(family, thing, tiles[:1], str(file), False))


def _ask(job: TraceJob) -> Traced:
    what = f"tracing {shown(job.thing)}"
    found: Traced = decode(Traced, ask(Job("export.networks.torch_module.tracing", to_json(job), what)), what)
    return found


def traced(job: TraceJob) -> Traced:
    """Raises BackendError where it cannot be traced so, InputError for what decides by the picture,
    or gives another one each time."""
    loaded = FAMILIES[job.family](job.thing)
    require_one_input(loaded.module, job.thing)
    loaded.module.float().eval().requires_grad_(False)
    for tile in job.tiles:
        _require_size(loaded, tile, job.thing)
    lr = torch.from_numpy(photograph(job.tiles[0]))
    require_same_again(loaded.module, lr, job.thing)
    require_one_graph(loaded.module, lr, job.thing)
    multiple, certificate = (_changing if job.changing else _fixed)(loaded, job)
    return Traced(multiple, certificate, loaded.facts, loaded.licence, loaded.tiling)


def _changing(loaded: LoadedModule, job: TraceJob) -> tuple[int, Certificate]:
    """The file is proven at every tile, and at a size that is a multiple of nothing more than it must be."""
    if loaded.square or loaded.minimum:
        raise BackendError(f"{shown(job.thing)} has a smallest size, or takes squares alone")
    (height, width), free = job.tiles[0], torch.export.Dim.DYNAMIC
    _export(loaded, job, (height, width + math.lcm(loaded.multiple, 8)), ({2: free, 3: free},))
    for multiple, size in TRIED:
        if any(side % multiple for tile in job.tiles for side in tile):
            continue
        if any(side % loaded.multiple for side in size):
            continue
        with suppress(EdgeError, RuntimeError, ValueError):
            proofs = [_proof(loaded.module, job, tile) for tile in (size, *job.tiles)]
            return math.lcm(multiple, loaded.multiple), max(proofs, key=lambda proof: proof.max_rel)
    raise BackendError(f"the file of {shown(job.thing)} is not the module at all sizes")


def _fixed(loaded: LoadedModule, job: TraceJob) -> tuple[int, Certificate]:
    """By recording a run, which takes networks that torch's exporter cannot, and else by the exporter."""
    reasons = []
    for recorded in (True, False):
        try:
            _export(loaded, job, job.tiles[0], None, recorded)
            return 1, _proof(loaded.module, job, job.tiles[0])
        except BackendError as error:
            reasons.append(str(error))
    raise InputError(f"{reasons[0]}: give the network as an ONNX file")


def _export(
    loaded: LoadedModule,
    job: TraceJob,
    size: Tile,
    changing: tuple[Mapping[int, object], ...] | None,
    recorded: bool = False,
) -> None:
    try:
        with torch.no_grad():
            torch.onnx.export(
                OfOneInput(loaded.module).eval(), (torch.from_numpy(photograph(size)),), job.file, input_names=[INPUT],
                output_names=[OUTPUT], opset_version=OPSET, dynamo=not recorded, external_data=False,
                verbose=False, dynamic_shapes=changing,
            )  # fmt: skip
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        raise BackendError(
            f"torch.onnx.export does not take {shown(job.thing)} at {size[0]}x{size[1]}: {type(error).__name__}: {said}"
        ) from error


class OfOneInput(nn.Module):
    """A module without its further inputs, which have defaults: a recorded run would make inputs of them."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.module(lr)
        return found


def _proof(module: nn.Module, job: TraceJob, size: Tile) -> Certificate:
    """In double where the module runs in it. Raises GateError."""
    foreign = Foreign(job.family, INPUT, OUTPUT, "float32", Pixels())
    found: UntouchedOnnx = open_untouched(Path(job.file), foreign, threads=1)
    try:
        module.double()(torch.zeros(1, 3, *size, dtype=torch.float64))
        arithmetic, kind = "float64", torch.float64
    except (RuntimeError, TypeError, ValueError):
        arithmetic, kind = "float32", torch.float32
        module.float()

    def reference(lr: Array) -> Array:
        with torch.inference_mode():
            sr: Array = module(torch.from_numpy(lr).to(kind, copy=True)).double().numpy()
        return sr

    try:
        return certified(reference, found, size, ("the traced file", "the module"), arithmetic)
    finally:
        module.float()  # exact: these were the numbers before


def _require_size(loaded: LoadedModule, tile: Tile, thing: str) -> None:
    if any(side % loaded.multiple or side < loaded.minimum for side in tile) or (loaded.square and tile[0] != tile[1]):
        square = ", both equal" if loaded.square else ""
        raise InputError(
            f"{shown(thing)} takes sides that are multiples of {loaded.multiple} from {max(loaded.minimum, 1)} "
            f"on{square}, found a tile of {tile[0]}x{tile[1]}: give another --tile"
        )


def _serve(given: object) -> object:
    limit_to_available()
    job: TraceJob = decode(TraceJob, given, "job")
    with refuses_to_end(job.thing):
        return to_json(traced(job))


if __name__ == "__main__":
    serve(lambda given, say: _serve(given))
