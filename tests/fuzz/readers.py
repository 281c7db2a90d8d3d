"""The product's readers as fuzzing calls them: each takes a file, and ends well or in an error of the project's own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from dlgsanet.errors import InputError
from tests.fuzz.seeds import bundle


class Disagreement(Exception):
    """Our reader and the onnx package read different facts."""


def image(path: Path) -> None:
    from dlgsanet.imaging.files import read_picture

    read_picture(path)


def checkpoint(path: Path) -> None:
    from dlgsanet.checkpoints import read_checkpoint

    read_checkpoint(path)


def manifest(path: Path) -> None:
    from runtimes.bundle.manifest import read_manifest

    shutil.copyfile(path, path.with_name("manifest.json"))
    read_manifest(path.parent)


def result(path: Path) -> None:
    from benchmarks.records.result_file import read_result

    read_result(path)


def toml(path: Path) -> None:
    """As a file of training and as one of limits; refused only where both refuse."""
    from benchmarks.gates.limits import read_limits
    from dlgsanet.training.configuration.read import read_config

    try:
        read_config(path)
    except InputError:
        read_limits(path)


def onnx(path: Path) -> None:
    """Our two readers, and what the onnx package says of the same bytes."""
    from runtimes.file_formats.onnx_file import convolution_weights, read_facts, tensor_names
    from runtimes.file_formats.onnx_graph import read_graph, tensor_types

    data = path.read_bytes()
    ours = _or_none(lambda: read_facts(data).operators)
    theirs = _their_operators(data)
    for read in (lambda: tensor_types(read_graph(data)), lambda: convolution_weights(data), lambda: tensor_names(data)):
        _or_none(read)
    if ours is not None and theirs is not None and dict(ours) != theirs:
        raise Disagreement(f"operators {dict(ours)} here, {theirs} by onnx")
    read_facts(data)


def ir(path: Path) -> None:
    """Through the runner, as `check` opens it, with its hash set right in the manifest."""
    from runtimes import open_runner

    with open_runner(_planted(path, "openvino"), "openvino-fp32"):
        pass


def package(path: Path) -> None:
    """Through the reader of packages where no Mac is."""
    from runtimes.backends.coreml.mil.neural_engine_card import card
    from runtimes.backends.coreml.reference import layers, precision_of, read_package
    from runtimes.bundle.manifest import read_manifest

    folder = _planted(path, "coreml")
    model, _ = read_package(folder, next(a for a in read_manifest(folder).artifacts if a.backend == "coreml"))
    precision_of(model), list(layers(model)), card(model)


def _planted(path: Path, backend: str) -> Path:
    """A copy of the bundle in which `path` stands for the file of its suffix."""
    folder = path.parent / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bundle(), folder, copy_function=os.link)
    tree = json.loads((folder / "manifest.json").read_bytes())
    made = next(each for each in tree["artifacts"] if each["backend"] == backend)
    name = next(each for each in made["files"] if each.endswith(path.suffix))
    made["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    for place, data in ((folder / name, path.read_bytes()), (folder / "manifest.json", json.dumps(tree).encode())):
        place.unlink()
        place.write_bytes(data)
    return folder


def _or_none(read: Callable[[], object]) -> object:
    try:
        return read()
    except InputError:
        return None


def _their_operators(data: bytes) -> dict[str, int] | None:
    import onnx as package
    from google.protobuf.message import DecodeError

    try:
        model = package.ModelProto.FromString(data)
    except DecodeError:
        return None
    counts: Counter[str] = Counter()
    graphs = [model.graph, *model.functions]
    while graphs:
        for node in graphs.pop().node:
            name = node.op_type  # bytes where they are no UTF-8
            counts[name if isinstance(name, str) else name.decode("utf-8", "replace")] += 1
            graphs += [g for a in node.attribute for g in ([a.g] if a.HasField("g") else []) + list(a.graphs)]
    return dict(counts)


READERS: dict[str, Callable[[Path], None]] = {
    "images": image,
    "checkpoints": checkpoint,
    "manifests": manifest,
    "results": result,
    "toml": toml,
    "onnx": onnx,
    "irs": ir,
    "packages": package,
}
