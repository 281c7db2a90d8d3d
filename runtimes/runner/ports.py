"""What a manifest says of an artifact's inputs and outputs, held against what the host gives and the engine
has."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from dlgsanet.errors import InputError
from runtimes.bundle.manifest import Artifact, Port
from runtimes.runner.tiling import Array

ARRAY = "NCHW"
PICTURE = "NCHW pixels"
"""Layout of a port that takes or gives an 8-bit RGB picture; its shape is written as NCHW, its range is 0 to 255."""

ARRAY_LAST, PICTURE_LAST = "NHWC", "NHWC pixels"
"""The same with the channels last, in the shape, too."""

ARRAYS, PICTURES = (ARRAY, ARRAY_LAST), (PICTURE, PICTURE_LAST)
CHANNELS_FIRST, CHANNELS_LAST = (ARRAY, PICTURE), (ARRAY_LAST, PICTURE_LAST)
_FED = dict.fromkeys(ARRAYS, ("float32", (0.0, 1.0))) | dict.fromkeys(PICTURES, ("uint8", (0.0, 255.0)))


def require_host_ports(artifact: Artifact, hints: Collection[str], layouts: Collection[str] = (ARRAY,)) -> None:
    """Refuse ports that a runner cannot feed from the host, and hints that it does not know. Raises
    InputError. `layouts`: those of the ports that it feeds."""
    for port in (artifact.input, artifact.output):
        if port.layout not in layouts or (port.dtype, port.range) != _FED[port.layout]:
            raise InputError(
                f"{artifact.id}: '{port.name}' is {port.layout} {port.dtype} in "
                f"{list(port.range)}, expected NCHW "
                f"float32 in [0, 1]: this version cannot run it, update dlgsanet-edge"
            )
    for hint in artifact.hints:
        if hint not in hints:
            raise InputError(
                f"{artifact.id}: the manifest pins '{hint}', which this runner does not know; "
                f"it knows {', '.join(hints) or 'no hints'}"
            )


def to_pixels(tile: Array) -> Array:
    """float32 in [0, 1] -> whole numbers from 0 to 255, still float32."""
    pixels: Array = np.rint(np.clip(tile, 0, 1) * np.float32(255))
    return pixels


def from_pixels(pixels: Array) -> Array:
    """Whole numbers from 0 to 255 -> float32 in [0, 1]."""
    return pixels / np.float32(255)


def as_stored(tile: Array, port: Port) -> NDArray[np.generic]:
    """A tile, NCHW float32 in [0, 1], as an input port takes it."""
    given: NDArray[np.generic] = to_pixels(tile).astype(np.uint8) if port.layout in PICTURES else tile
    return np.ascontiguousarray(given.transpose(0, 2, 3, 1)) if port.layout in CHANNELS_LAST else given


def from_stored(found: Array, port: Port) -> Array:
    """What an output port gave as NCHW float32 in [0, 1]."""
    given = from_pixels(found.astype(np.float32)) if port.layout in PICTURES else found
    return np.ascontiguousarray(given.transpose(0, 3, 1, 2)) if port.layout in CHANNELS_LAST else given


def require_port(artifact_id: str, port: Port, found: Mapping[str, tuple[object, ...]]) -> None:
    """Refuse an engine whose port (name -> shape) is not the one the manifest promises. Raises InputError."""
    if found.get(port.name) != port.shape:
        shown = ", ".join(f"{name} {list(shape)}" for name, shape in found.items())
        raise InputError(
            f"{artifact_id}: expected '{port.name}' of shape {list(port.shape)}, the file has "
            f"{shown or 'nothing'}; "
            "export the bundle again"
        )


def require_taps(artifact_id: str, taps: Collection[str], found: Collection[str]) -> None:
    """Refuse a network that has not all tensors that the manifest names. Raises InputError."""
    missing = [name for name in taps if name not in found]
    if missing:
        raise InputError(
            f"{artifact_id}: the manifest names {len(taps)} tensors of the network, {len(missing)} are not in the file "
            f"('{missing[0]}'); export the bundle again"
        )
