"""A PyTorch module as a network: its traced file goes the way of every ONNX file."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import sha256_file
from export.networks.network import NetworkOptions, Say
from export.networks.onnx_file.network import MadeFrom, OnnxFile, refuse_ours
from export.networks.torch_module.tracing import trace
from runtimes.backends.onnxruntime.look import Looked, LookJob, look


def open_module(family: str, thing: str, options: NetworkOptions, say: Say) -> OnnxFile:
    """Trace a module of a family (`export.networks.torch_module.tracing.FAMILIES`), and look at its file. Raises
    InputError, UnavailableError without the family's packages, GateError where the file is not the module."""
    if options.channels != "rgb" or any(it is not None for it in (options.top, options.mean, options.deviation)):
        raise InputError(
            "--range, --channels, --mean and --deviation are for ONNX files, and a module takes RGB in [0, 1]: leave "
            "them out"
        )
    name, what = thing.partition(":")[2] if family == "torch" else Path(thing).stem, f"a module of {family}"
    refuse_ours(options, name, what)  # before the minute that tracing takes
    folder = tempfile.TemporaryDirectory()
    file = Path(folder.name) / f"{name}.onnx"
    traced = trace(family, thing, options.tiles, file, say)
    found = look(LookJob(str(file), options.scale, 1.0, "rgb"))
    foreign = replace(
        found.foreign,
        family=family,
        multiple=math.lcm(found.foreign.multiple, traced.multiple),
        licence=traced.licence,
        tiling=traced.tiling,
    )
    proof = traced.certificate
    facts = {key: value for key, value in traced.facts.items() if value}
    facts["traced"] = f"differs from the module in {proof.arithmetic} by {proof.max_rel:.1e} of its output"
    tiling = (f"{name}: tiling is {traced.tiling}",) if traced.tiling else ()
    sha256 = sha256_file(Path(thing) if Path(thing).is_file() else file)
    origin = MadeFrom(name, what, sha256, facts, tiling, folder)
    return OnnxFile(file, Looked(foreign, found.scale, found.notes), origin)
