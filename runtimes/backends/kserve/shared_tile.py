"""Memory of this process that a server on the same machine reads the tile from and writes the picture to."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from dlgsanet.errors import BackendError
from runtimes.runner.tiling import Array


class SharedTile:
    """Room for one tile and one answer, known to the server until `close`."""

    def __init__(self, client: Callable[[], Any], entering: int, leaving: int) -> None:
        """In bytes; `client` gives a new one, since a client serves its own thread only. Raises OSError or the client's
        error where the server cannot map it."""
        from tritonclient.utils import shared_memory

        self._memory = shared_memory
        self._client = client
        self._sizes = {"in": entering, "out": leaving}
        token = f"dlgsanet-{os.getpid()}-{secrets.token_hex(4)}"
        self._names = {side: f"{token}-{side}" for side in self._sizes}
        self._regions: dict[str, Any] = {}
        try:
            speaker = client()
            for side, size in self._sizes.items():
                name = self._names[side]
                self._regions[side] = shared_memory.create_shared_memory_region(name, f"/{name}", size)
                speaker.register_system_shared_memory(name, f"/{name}", size)
        except BaseException:
            self.close()
            raise

    def fill(self, given: Any, wanted: Any, tile: Array) -> None:
        """Put the tile there, and let a request's input and output point to it."""
        self._memory.set_shared_memory_region(self._regions["in"], [np.ascontiguousarray(tile)])
        given.set_shared_memory(self._names["in"], tile.nbytes)
        wanted.set_shared_memory(self._names["out"], self._sizes["out"])

    def is_known(self) -> bool:
        """Whether the server still knows both regions: one that was started anew does not, though it answers. Raises
        the client's error."""
        speaker = self._client()
        told = [speaker.get_system_shared_memory_status(name) for name in self._names.values()]
        return all(one if isinstance(one, list) else one.regions for one in told)

    def read(self, shape: tuple[int, ...]) -> Array:
        """What the server wrote, copied. Raises BackendError for a shape that does not fit in there."""
        if 4 * math.prod(shape) > self._sizes["out"]:
            raise BackendError(f"expected an answer of at most {self._sizes['out']} bytes, the server tells of {shape}")
        picture: Array = np.array(self._memory.get_contents_as_numpy(self._regions["out"], np.float32, shape))
        return picture

    def close(self) -> None:
        """Tell the server, and give the memory back; a server that is gone knows nothing of it."""
        speaker = self._client()
        for side, region in self._regions.items():
            with suppress(Exception):
                speaker.unregister_system_shared_memory(self._names[side])
            self._memory.destroy_shared_memory_region(region)
        self._regions = {}
