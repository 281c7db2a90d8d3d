"""What a container's image holds, estimated without building it: the Python packages of its extras, as installed here.

`python -m benchmarks.studies.upscale.image_sizes -o FILE`. What Debian and the bases of NVIDIA hold comes on top.
"""

from __future__ import annotations

import importlib.metadata as metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.errors import UnavailableError
from runtimes.file_formats.markdown import markdown_table

PROJECT = "dlgsanet-edge"
IMAGES = {
    "cpu": ("onnxruntime", "openvino", "video", "heif", "report", "server"),
    "jetson": (),
    "train": ("all",),
}
"""Dockerfile -> the extras that it installs."""

_SHOWN = 5


@dataclass(frozen=True)
class Package:
    """An installed one: its name, version and bytes on disk."""

    name: str
    version: str
    size: int


@dataclass(frozen=True)
class ImageSizes(StudyFile):
    """Dockerfile -> packages, the largest first."""

    images: Mapping[str, tuple[Package, ...]]


def measure() -> ImageSizes:
    """Of every image. Raises UnavailableError naming a package that is not installed here."""
    return ImageSizes({name: packages(extras) for name, extras in IMAGES.items()})


def packages(extras: tuple[str, ...]) -> tuple[Package, ...]:
    """Ours with these extras, and all that they need."""
    from packaging.requirements import Requirement

    found: dict[tuple[str, tuple[str, ...]], Package] = {}
    left = [(PROJECT, extras)]
    while left:
        name, wanted = left.pop()
        key = (name.lower().replace("_", "-"), wanted)
        if key in found:
            continue
        try:
            one = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise UnavailableError(f"the study weighs what is installed, and {name} is not: pip install it") from error
        found[key] = Package(key[0], one.version, _bytes(one))
        for line in one.requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in wanted or ("",)):
                left.append((needed.name, tuple(sorted(needed.extras))))
    return tuple(sorted({each.name: each for each in found.values()}.values(), key=lambda it: (-it.size, it.name)))


def _bytes(one: metadata.Distribution) -> int:
    paths = (Path(str(one.locate_file(file))) for file in one.files or [])
    return sum(path.stat().st_size for path in paths if path.is_file())


def table(found: ImageSizes) -> str:
    """A row for each image."""
    rows = [
        (
            f"`containers/{name}.Dockerfile`",
            f"{len(held)}",
            f"**{sum(one.size for one in held) / 1e6:.0f}**",
            ", ".join(f"{one.name} {one.size / 1e6:.0f}" for one in held[:_SHOWN]),
        )
        for name, held in found.images.items()
    ]
    return markdown_table(("image", "packages", "MB", "the largest"), rows)


def main(output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")]) -> None:
    """Weigh, write the file and print its table."""
    found = measure()
    write_study(output, found)
    typer.echo(table(found))


if __name__ == "__main__":
    run_study(main)
