"""A fault planted into an artifact: its files written anew with their hashes set right, or its runner wrapped."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.studies.planted_faults.fault import ConstantFault, OutputFault, PlantedFault, RunFault
from benchmarks.studies.planted_faults.files.ir_network import IrNetwork
from benchmarks.studies.planted_faults.files.onnx_network import OnnxNetwork
from benchmarks.studies.planted_faults.files.package_network import PackageNetwork
from benchmarks.studies.planted_faults.files.tracing import NetworkFile
from benchmarks.studies.planted_faults.tail import LR, OUT, SR, append_to_onnx, tail_model
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME
from runtimes.backends.registry import backend_runner
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.tiling import Array

Spoil = Callable[[Array, Array, int], Array]


@dataclass(frozen=True)
class Place:
    """One artifact as it is judged here: `device` runs it, or stands in for what does; `path` is the file of it that
    is judged."""

    bundle: Path
    artifact: Artifact
    scale: int
    device: str
    name: str
    path: str

    def runner(self) -> Runner:
        """The artifact as it is."""
        return backend_runner(self.bundle, self.artifact, self.scale, RunOptions(self.device, 1))


class SpoiltRunner(Runner):
    """Another runner with every output changed."""

    def __init__(self, inner: Runner, spoil: Spoil) -> None:
        super().__init__(inner.scale, inner.tiles)
        self._inner, self._spoil, self._number = inner, spoil, 0

    def _open(self) -> RunInfo:
        return self._inner.__enter__().info

    def _infer(self, tile: Array) -> Array:
        sr = self._spoil(self._inner.infer(tile, checked=False), tile, self._number)
        self._number += 1
        return sr

    def _close(self) -> None:
        self._inner.__exit__(None, None, None)


def spoilt(fault: PlantedFault, place: Place, clean: Runner, folder: Path) -> Runner | None:
    """A runner of the artifact with the fault; None where it has nothing to change.

    Faults of constants are always in the file; those behind the output are there in one precision of every engine that
    runs here. Elsewhere the same operations follow the runner's output, and `clean` may
    give what it gave before: a test holds that both are the same.
    """
    if isinstance(fault, RunFault):
        return SpoiltRunner(clean, fault.make())
    if isinstance(fault, OutputFault) and not _in_file(place):
        return SpoiltRunner(clean, computed(fault, place))
    files = _files(fault, place)
    return None if files is None else _written(place, files, folder).runner()


def _in_file(place: Place) -> bool:
    return place.artifact.backend in ("onnxruntime", "openvino") and place.artifact.precision == "fp32"


def network_file(place: Place) -> NetworkFile:
    """The artifact's files, read."""
    if place.artifact.backend == "openvino":
        return IrNetwork(place.bundle, place.artifact)
    if place.artifact.backend == "coreml":
        return PackageNetwork(place.bundle, place.artifact)
    return OnnxNetwork(place.bundle, place.artifact, place.path)


def _files(fault: OutputFault | ConstantFault, place: Place) -> dict[str, bytes] | None:
    network = network_file(place)
    if isinstance(fault, ConstantFault):
        changed = fault.edit(network.contents())
        return None if changed is None else network.written(changed)
    if isinstance(network, IrNetwork):
        return network.with_tail(tail_model(fault.build, _shape(place), place.scale))
    assert isinstance(network, OnnxNetwork)
    append_to_onnx(network.model, fault.build, place.scale)
    return network.written({})


def _shape(place: Place) -> tuple[int, int]:
    height, width = place.artifact.tile
    return height * place.scale, width * place.scale


def _written(place: Place, files: dict[str, bytes], folder: Path) -> Place:
    """The artifact with some of its files in new words, in a folder of its own."""
    hashes = dict(place.artifact.files)
    for path in hashes:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path in files:
            target.write_bytes(files[path])
            hashes[path] = hashlib.sha256(files[path]).hexdigest()
        else:
            shutil.copyfile(place.bundle / path, target)
    return replace(place, bundle=folder, artifact=replace(place.artifact, files=hashes))


def computed(fault: OutputFault, place: Place) -> Spoil:
    """The fault's operations by themselves."""
    data = tail_model(fault.build, _shape(place), place.scale).SerializeToString()
    session = ONNXRUNTIME.load().InferenceSession(data, providers=["CPUExecutionProvider"])
    known = {port.name for port in session.get_inputs()}

    def spoil(sr: Array, lr: Array, number: int) -> Array:
        given = {SR: sr, LR: lr}
        return np.asarray(session.run([OUT], {name: given[name] for name in known})[0], np.float32)

    return spoil
