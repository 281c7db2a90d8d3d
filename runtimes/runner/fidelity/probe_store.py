"""The reference's outputs of the probe tiles in one file of a bundle, for devices without torch and checks in a hurry.

A zip file with a member for each probe: the output clipped to [0, 1], as eyes see it, in 65535ths; all upper bytes of
the numbers before all lower ones, which packs better.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from dlgsanet.errors import InputError
from runtimes.runner.tiling import Array

_PEAK = 65535


def packed_probes(outputs: Mapping[str, Array]) -> bytes:
    """The file of outputs, each 1 x 3 x sH x sW float32, by their probes' names; the same file for the same outputs."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as place:
        for name, sr in outputs.items():
            place.writestr(zipfile.ZipInfo(name), _packed(sr), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def load_probes(path: Path, names: Sequence[str], shape: tuple[int, int, int, int]) -> dict[str, Array]:
    """The outputs of those of `names` that the file has. Raises InputError for a file that is not ours."""
    try:
        with zipfile.ZipFile(path) as place:
            known = set(place.namelist())
            return {name: _unpacked(place, name, shape) for name in names if name in known}
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise InputError(f"cannot read the stored probe tiles {path} ({reason}): export the bundle again") from error


def _packed(sr: Array) -> bytes:
    whole = np.rint(np.clip(sr, 0, 1) * np.float64(_PEAK)).astype(">u2")
    return whole.reshape(-1).view(np.uint8).reshape(-1, 2).T.tobytes()


def _unpacked(place: zipfile.ZipFile, name: str, shape: tuple[int, int, int, int]) -> Array:
    size = 2 * prod(shape)
    with place.open(name) as member:
        plain = member.read(size + 1)  # no more, whatever it unpacks to
    if len(plain) != size:
        raise ValueError(f"expected {size} bytes of {name}")
    upper, lower = np.frombuffer(plain, np.uint8).reshape(2, -1).astype(np.uint16)
    return ((upper << 8) | lower).reshape(shape).astype(np.float32) / np.float32(_PEAK)
