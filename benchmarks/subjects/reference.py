"""What artifacts are compared with: the untouched network, run here, or where it cannot be its stored output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.records.identity import Identity
from benchmarks.subjects.datasets import Dataset, Sample
from benchmarks.subjects.torch_peers import reference_function
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.pixels import to_nchw
from runtimes.backends.onnxruntime import ENGINE as ONNX_RUNTIME
from runtimes.backends.onnxruntime.untouched import open_untouched
from runtimes.backends.torch import ENGINE as TORCH
from runtimes.bundle.field_types import Fill
from runtimes.bundle.foreign import Foreign
from runtimes.bundle.integrity import verify
from runtimes.bundle.manifest import Manifest
from runtimes.runner.fidelity.probe_store import load_probes
from runtimes.runner.fidelity.probes import probe
from runtimes.runner.overlap import DEFAULT_FILL, DEFAULT_OVERLAP
from runtimes.runner.tiling import Array, Tile, upscale_tiled

WHOLE_LIMIT = 512 * 512
"""LR pixels up to which an image also goes through the network at once, to learn what tiling costs."""


class ReferenceOutputs(ABC):
    """`description` says in the output and the records what it is; `overlap` (LR pixels) and `fill` are how pictures
    are cut into tiles. `probes`: files of the bundle with outputs of the probe tiles, checked by their hashes, by tile.
    `engine` computes, or computed, it. `tiling`: what the network's makers say against tiles, if anything."""

    def __init__(
        self,
        description: str,
        overlap: int,
        probes: Mapping[Tile, Path] | None = None,
        engine: str = TORCH.name,
        tiling: str = "",
        fill: Fill = DEFAULT_FILL,
    ) -> None:
        self.description = description
        self.tiling = tiling
        self.overlap, self.fill = overlap, fill
        self.identity = Identity(role="reference", backend=engine)
        self._probes = probes or {}

    @property
    def whole_name(self) -> str:
        """What records call it for a whole image at once."""
        return f"{self.identity.backend}-reference-whole"

    def tiled_name(self, tile: Tile) -> str:
        """What records call it in tiles of this size."""
        return f"{self.identity.backend}-reference-{tile[0]}x{tile[1]}"

    @abstractmethod
    def tiled(self, sample: Sample, tile: Tile) -> Array:
        """The output through the same tiler as the artifacts': 1 x 3 x sH x sW float32, unclamped."""

    @abstractmethod
    def whole(self, sample: Sample) -> Array | None:
        """The output of the whole image at once; None where it cannot be had."""

    def probes(self, tile: Tile, scale: int, names: Sequence[str]) -> dict[str, Array]:
        """Outputs of those probe tiles that can be had, 1 x 3 x sH x sW: stored ones are clipped to [0, 1]. Raises
        InputError for a damaged file."""
        path = self._probes.get(tile)
        stored = {} if path is None else load_probes(path, names, (1, 3, tile[0] * scale, tile[1] * scale))
        computed = {name: self._probed(name, tile) for name in names if name not in stored}
        found = {**stored, **computed}
        return {name: sr for name in names if (sr := found[name]) is not None}

    def _probed(self, name: str, tile: Tile) -> Array | None:
        """The output of one probe tile, computed here; None where nothing can compute it."""
        return None


class ComputedReference(ReferenceOutputs):
    """Recomputed by `function`: 1 x 3 x H x W -> 1 x 3 x sH x sW. `fitting`: the smallest size (H, W) that it takes and
    into which a picture fits, None where there is none."""

    def __init__(
        self,
        function: Callable[[Array], Array],
        scale: int,
        description: str,
        overlap: int = DEFAULT_OVERLAP,
        probes: Mapping[Tile, Path] | None = None,
        fitting: Callable[[Tile], Tile | None] = lambda size: size,
        engine: str = TORCH.name,
        tiling: str = "",
        fill: Fill = DEFAULT_FILL,
    ) -> None:
        super().__init__(description, overlap, probes, engine, tiling, fill)
        self._function = function
        self._scale = scale
        self._fitting = fitting

    def tiled(self, sample: Sample, tile: Tile) -> Array:
        return upscale_tiled(self._function, to_nchw(sample.lr), self._scale, tile, self.overlap, self.fill)

    def whole(self, sample: Sample) -> Array | None:
        height, width = sample.lr.shape[:2]
        size = self._fitting((height, width))
        if height * width > WHOLE_LIMIT or size is None:
            return None
        return upscale_tiled(self._function, to_nchw(sample.lr), self._scale, size, 0)

    def _probed(self, name: str, tile: Tile) -> Array | None:
        return self._function(probe(name, tile))


class StoredReference(ReferenceOutputs):
    """Read from the parity pack of a bundle, whose hashes have been checked on opening the data set."""

    def tiled(self, sample: Sample, tile: Tile) -> Array:
        name = f"{tile[0]}x{tile[1]}"
        path = sample.item.sr.get(name)
        if path is None:
            raise UnavailableError(
                f"no stored reference of {sample.item.name} for {name} tiles, and no torch to compute it"
            )
        try:
            stored = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"cannot read the stored reference {path}: export the bundle again") from error
        expected = (1, 3, *sample.hr.shape[:2])
        if not isinstance(stored, np.ndarray) or stored.shape != expected or stored.dtype != np.float32:
            raise InputError(f"expected float32 of shape {expected} in {path}: export the bundle again")
        sr: Array = stored
        return sr

    def whole(self, sample: Sample) -> Array | None:
        return None


def open_reference(bundle: str | Path, manifest: Manifest, dataset: Dataset, threads: int | None) -> ReferenceOutputs:
    """The best reference that this machine can give for `dataset`.

    Raises UnavailableError when what runs it is not here and the data set is not the bundle's own pack.
    """
    probes = _stored_probes(bundle, manifest)
    try:
        if foreign := manifest.source.foreign:
            return _foreign(Path(bundle), manifest, foreign, threads, probes)
        function = reference_function(bundle, manifest, threads)
    except UnavailableError as error:
        if all(item.sr for item in dataset.items):
            engine = (ONNX_RUNTIME if manifest.source.foreign else TORCH).name
            description = f"the outputs stored in the bundle (no {engine} here)"
            stored = manifest.reference
            return StoredReference(description, stored.overlap, probes, engine, fill=stored.fill)
        raise UnavailableError(f"{error}; or leave --data away to use the bundle's own parity pack") from error
    description = f"recomputed here with torch {version(TORCH.module)}"
    return ComputedReference(function, manifest.scale, description, probes=probes, fill=manifest.reference.fill)


def _foreign(
    bundle: Path, manifest: Manifest, foreign: Foreign, threads: int | None, probes: Mapping[Tile, Path]
) -> ComputedReference:
    path = manifest.reference.checkpoint
    verify(bundle, {path: manifest.reference.files[path]})
    run = open_untouched(bundle / path, foreign, threads)
    description = f"recomputed here by {ONNX_RUNTIME.name} from the untouched file"
    return ComputedReference(
        run,
        manifest.scale,
        description,
        probes=probes,
        fitting=foreign.fitting,
        engine=ONNX_RUNTIME.name,
        tiling=foreign.tiling,
        fill=manifest.reference.fill,
    )


def _stored_probes(bundle: str | Path, manifest: Manifest) -> dict[Tile, Path]:
    """Checked by their hashes, for the tiles of the bundle's artifacts."""
    reference, found = manifest.reference, {}
    for tile in {artifact.tile for artifact in manifest.artifacts}:
        if path := reference.probes.get(f"{tile[0]}x{tile[1]}"):
            verify(bundle, {path: reference.files[path]})
            found[tile] = Path(bundle) / path
    return found
