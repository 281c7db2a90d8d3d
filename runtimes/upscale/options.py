"""The options of `upscale`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dlgsanet.imaging.limits import DEFAULT_MEGAPIXELS, MaxMegapixels
from runtimes.runner.overlap import DEFAULT_OVERLAP


@dataclass(frozen=True)
class UpscaleOptions:
    """What to upscale, by what, where to. Either `bundle` or `model` is given."""

    inputs: Annotated[tuple[Path, ...], typer.Argument(metavar="INPUT...", help="Image files and folders.")]
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for <name>_x<scale>.png.")]
    bundle: Annotated[Path | None, typer.Option(help="Bundle to run.")] = None
    artifact: Annotated[str | None, typer.Option(help="Artifact of the bundle, or its beginning.")] = None
    model: Annotated[str | None, typer.Option(help="Run the reference: a shipped name or a file.")] = None
    device: Annotated[str, typer.Option(help="CPU, GPU, NPU or an execution provider.")] = "CPU"
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: all cores.")] = None
    overlap: Annotated[int, typer.Option(min=0, help="LR pixels shared by tiles.")] = DEFAULT_OVERLAP
    tile: Annotated[str | None, typer.Option(help="HxW, with --model: larger images are cut.")] = None
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS
    force: Annotated[bool, typer.Option("--force", help="Replace outputs that exist.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False
