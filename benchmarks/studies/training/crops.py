"""The most detailed places of photographs as images of their own, for targets that take long to compute.

`python -m benchmarks.studies.training.crops PHOTOS -o FOLDER --scale 4` writes FOLDER/HR and FOLDER/LRbicx4; where
another network's output is to be the target, `dlgsanet upscale FOLDER/LRbicx4 -o OTHER/HR` makes it, and
OTHER/LRbicx4 is the same folder again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.studies import run_study
from dlgsanet.imaging.files import write_picture
from dlgsanet.storage.atomic import new_directory
from dlgsanet.training.data.sampler import detail
from dlgsanet.training.data.sources import find_pairs, read_pair

Place = tuple[int, int]


def detailed_places(lr: NDArray[np.uint8], side: int, count: int) -> tuple[Place, ...]:
    """Top left corners of at most `count` squares of (h, w, 3) LR pixels, the most detailed first; none overlap.

    Places half a side apart are looked at; an image smaller than a square has none.
    """
    steps = [range(0, size - side + 1, max(side // 2, 1)) for size in lr.shape[:2]]
    places = [(y, x) for y in steps[0] for x in steps[1]]
    chosen: list[Place] = []
    for y, x in sorted(places, key=lambda at: -detail(lr[at[0] : at[0] + side, at[1] : at[1] + side])):
        if len(chosen) < count and all(abs(y - top) >= side or abs(x - left) >= side for top, left in chosen):
            chosen.append((y, x))
    return tuple(chosen)


def main(
    photographs: Annotated[Path, typer.Argument(help="Folder of HR images.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make: HR/ and LRbicxN/ in it.")],
    scale: Annotated[int, typer.Option(min=2, max=4)] = 4,
    side: Annotated[int, typer.Option(min=8, help="LR pixels of a square.")] = 64,
    count: Annotated[int, typer.Option(min=1, help="Squares of each image.")] = 6,
) -> None:
    """Cut the most detailed squares out of photographs, HR and LR."""
    with new_directory(output) as folder:
        for number, pair in enumerate(find_pairs(photographs, scale)):
            lr, hr = read_pair(pair, scale)
            for part, (y, x) in enumerate(detailed_places(lr, side, count)):
                name = f"{number:04d}-{part}.png"
                large = hr[y * scale : (y + side) * scale, x * scale : (x + side) * scale]
                write_picture(folder / f"LRbicx{scale}" / name, lr[y : y + side, x : x + side])
                write_picture(folder / "HR" / name, large)


if __name__ == "__main__":
    run_study(main)
