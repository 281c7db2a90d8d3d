"""The parity pack of a bundle: photographs, their LR, and what the reference makes of them and of the probe tiles.

With it a device without torch can check an artifact against the reference's own output.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlgsanet.imaging.files import write_picture
from dlgsanet.imaging.photographs import PHOTOGRAPHS
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from export.machine.threads import single_thread
from runtimes.bundle.manifest import PackEntry
from runtimes.runner.fidelity.probe_store import packed_probes
from runtimes.runner.fidelity.probes import CORE, probe
from runtimes.runner.overlap import DEFAULT_FILL, DEFAULT_OVERLAP
from runtimes.runner.tiling import Array, Tile, upscale_tiled

PROBED_PIXELS = 160 * 160
"""LR pixels of the largest tile whose probes are stored: 128x128 takes 2.5 MB at x4, and size grows with the area."""

Once = Callable[[Sequence["str | bytes"], Callable[[], bytes]], bytes]
"""(what a file depends on beside the reference, how it is made) -> its content."""


def anew(told: Sequence[str | bytes], make: Callable[[], bytes]) -> bytes:
    """An `Once` that knows nothing."""
    return make()


def write_pack(
    reference: Callable[[Array], Array],
    scale: int,
    tiles: Sequence[tuple[int, int]],
    bundle: Path,
    progress: Callable[[str], None] | None = None,
    once: Once = anew,
) -> tuple[PackEntry, ...]:
    """Write `reference/{hr,lr,sr}` into the bundle and return the entries, paths relative to the bundle.

    `reference`, (1, 3, H, W) float32 in [0, 1] -> (1, 3, sH, sW), runs through the same tiler, tiles and overlap
    (DEFAULT_OVERLAP, DEFAULT_FILL) as an artifact will. LR is made as the published test sets' is. `once` may know the
    content of a file already, by all that it depends on beside the reference.
    """
    entries = []
    for photograph in PHOTOGRAPHS:
        hr = crop_to_multiple(photograph.read(), scale)
        lr = downscale_matlab8(hr, scale)
        places = {kind: f"reference/{kind}/{photograph.name}.png" for kind in ("hr", "lr")}
        write_picture(bundle / places["hr"], hr)
        write_picture(bundle / places["lr"], lr)
        answers = {}
        for tile in tiles:
            place = f"reference/sr/{photograph.name}-{tile[0]}x{tile[1]}.npy"

            def answer(lr: NDArray[np.uint8] = lr, tile: Tile = tile, name: str = photograph.name) -> bytes:
                if progress is not None:
                    progress(f"reference of {name} in tiles of {tile[0]}x{tile[1]}")
                with single_thread():
                    return _npy(upscale_tiled(reference, to_nchw(lr), scale, tile, DEFAULT_OVERLAP, DEFAULT_FILL))

            _write(bundle / place, once((place, str(lr.shape), lr.tobytes()), answer))
            answers[f"{tile[0]}x{tile[1]}"] = place
        entries.append(
            PackEntry(photograph.name, photograph.source, photograph.licence, places["lr"], places["hr"], answers)
        )
    return tuple(entries)


def write_probes(
    reference: Callable[[Array], Array],
    tiles: Sequence[tuple[int, int]],
    bundle: Path,
    progress: Callable[[str], None] | None = None,
    once: Once = anew,
) -> dict[str, str]:
    """Write what the reference makes of the probe tiles, and return tile "HxW" -> path relative to the bundle.

    Tiles larger than PROBED_PIXELS are left out: their probes are judged where torch is.
    """
    found = {}
    for height, width in tiles:
        if height * width > PROBED_PIXELS:
            continue
        name = f"{height}x{width}"

        def answer(tile: Tile = (height, width), name: str = name) -> bytes:
            if progress is not None:
                progress(f"reference of the probe tiles of {name}")
            with single_thread():
                return packed_probes({title: reference(probe(title, tile)) for title in CORE})

        found[name] = f"reference/probes/{name}.zip"
        _write(bundle / found[name], once((found[name],), answer))
    return found


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _npy(array: NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(array, dtype=np.float32), allow_pickle=False)
    return content.getvalue()
