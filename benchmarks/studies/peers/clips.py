"""Clips that are drawn from photographs of scikit-image: a camera that pans, and one that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLIPS = ("pan", "still camera")
FRAME = (180, 320)
_WALKER = 40  # pixels on each side of what moves before a still camera


def pictures(kind: str, count: int) -> Iterator[NDArray[np.uint8]]:
    """Frames HWC. A pan moves every pixel; before a still camera one small picture walks along the lower edge."""
    from skimage import data

    height, width = FRAME
    ground, walker = data.astronaut(), data.chelsea()[100 : 100 + _WALKER, 150 : 150 + _WALKER]
    for number in range(count):
        top, left = (20 + number // 2, 10 + number) if kind == CLIPS[0] else (60, 80)
        picture = ground[top : top + height, left : left + width].copy()
        if kind != CLIPS[0]:
            at = 10 + 2 * number % (width - _WALKER - 20)
            picture[-_WALKER:, at : at + _WALKER] = walker
        yield picture


def write_clip(path: Path, kind: str, count: int) -> Path:
    """A clip of H.264, BT.601, limited range, 4:2:0, 25 frames a second."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", 25, {"crf": "18"})
        stream.height, stream.width = FRAME
        stream.pix_fmt = "yuv420p"
        for picture in pictures(kind, count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path
