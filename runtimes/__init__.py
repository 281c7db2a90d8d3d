"""Running artifacts: the bundle's manifest, one runner per backend, tiling, the clock.

Needs NumPy, Pillow and zlib-ng, plus the one backend that is used: `with open_runner(bundle, "openvino-fp32") as
run: ...`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtimes.backends.kserve.address import Served
    from runtimes.runner.contract import Runner
    from runtimes.runner.tile_family import PictureSizes

__all__ = ["open_runner", "open_served"]


def open_runner(
    bundle: str | Path,
    artifact_prefix: str,
    *,
    device: str = "CPU",
    threads: int | None = None,
    cuda_graph: bool = False,
    taps: tuple[str, ...] = (),
    resting: bool = False,
    streams: int = 1,
    cache: bool = False,
    only_for: PictureSizes | None = None,
) -> Runner:
    """Return a runner for an artifact of `bundle`, or for all tiles of a family; enter it to take the device.

    `artifact_prefix` is any unambiguous beginning of an artifact's id; where it leaves several tiles, each
    image runs in the tile in which it costs least. `device` is CPU, GPU, NPU or an ONNX Runtime execution provider;
    `threads` None means all cores that this process may use; `cuda_graph` is for TensorRT engines, `taps`
    are tensors for `inspect`, `resting` is for runs that nobody times, `streams` for many tiles (see `RunOptions`),
    `cache` keeps what the engine compiled for the next time, `only_for` leaves out the tiles that no picture goes to.
    `run(lr)` maps N x 3 x H x W float32 in [0, 1] to the same, upscaled.
    Raises InputError (no such bundle or artifact), UnavailableError (a backend without a runner here); on entering
    also InputError for a file whose hash does not match and UnavailableError for a missing backend or device.
    """
    from runtimes.backends.registry import backend_runner
    from runtimes.bundle.manifest import read_manifest, select
    from runtimes.runner.contract import RunOptions
    from runtimes.runner.tile_family import FamilyRunner

    manifest = read_manifest(bundle)
    artifacts = select(manifest, artifact_prefix)
    options = RunOptions(device, threads, cuda_graph, taps, resting, streams, cache)
    runners = [backend_runner(Path(bundle), artifact, manifest.scale, options) for artifact in artifacts]
    if len(runners) == 1:
        return runners[0]
    family = FamilyRunner(artifacts[0].family, runners, {artifact.tile: artifact.pixel_cost for artifact in artifacts})
    return family if only_for is None else family.only_for(only_for)


def open_served(
    served: Served, *, bundle: str | Path | None = None, artifact: str | None = None, name: str | None = None
) -> Runner:
    """Return a runner for a model on a server (`runtimes.backends.kserve.address.parse_served`); enter it to ask there.

    With `bundle` and `artifact`, an unambiguous beginning of an id, the model must fit that artifact; without, its
    scale and tile are what the server tells. `name`: what its records are called, else the model's name.
    Raises InputError (no such artifact, a model that is none of pictures) and UnavailableError (without client or
    server); on entering also InputError for a model that is not the artifact.
    """
    from dataclasses import replace

    from dlgsanet.errors import InputError
    from runtimes.backends.kserve.runner import ServerRunner, as_artifact, as_told, look
    from runtimes.bundle.manifest import read_manifest, select

    if bundle is None:
        expected = as_told(served, look(served))
    else:
        manifest = read_manifest(bundle)
        found = select(manifest, artifact or "")
        if len(found) != 1:
            raise InputError(f"a server runs one artifact, '{artifact}' is {len(found)}; give more of its name")
        expected = as_artifact(found[0], manifest.scale)
    return ServerRunner(served, expected if name is None else replace(expected, artifact=name))
