"""Small films for tests of fleets, and what two of them must have alike."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

FPS = 25


def write_film(
    place: Path, count: int = 25, size: tuple[int, int] = (24, 24), at: Callable[[int], int] = lambda i: i
) -> None:
    """`count` frames (H, W) of moving noise, number i at time `at(i)` in frames, and a tone beside them."""
    import av

    height, width = size
    noise = np.random.default_rng(1).integers(0, 256, (height, width + count, 3), np.uint8)
    with av.open(str(place), "w") as container:
        pictures, sound = container.add_stream("ffv1", rate=FPS), container.add_stream("pcm_s16le", rate=8000)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        sound.layout = "mono"
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(noise[:, i : i + width]), format="rgb24")
            frame.pts, frame.time_base = at(i), Fraction(1, FPS)
            container.mux(pictures.encode(frame))
            tone = av.AudioFrame.from_ndarray(np.full((1, 320), i, np.int16), "s16", "mono")
            tone.sample_rate, tone.pts = 8000, 320 * i
            container.mux(sound.encode(tone))
        container.mux(pictures.encode())


def packets(film: Path) -> list[tuple[str, object, bytes]]:
    """Kind, time and bytes of all: frames and sound are equal where these are."""
    import av

    with av.open(str(film)) as container:
        return [(it.stream.type, it.pts, bytes(it)) for it in container.demux() if it.size]
