"""Telling pictures apart by what is in them, whatever their names and file formats."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def content_hash(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of the shape and the pixels."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
