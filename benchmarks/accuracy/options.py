"""The options of `check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.subjects.options import Artifacts, Bundle, Device, Json, Machine, Threads
from dlgsanet.imaging.limits import DEFAULT_MEGAPIXELS, MaxMegapixels


@dataclass(frozen=True)
class CheckOptions:
    """What to check, on what, where; `artifacts` are beginnings of ids, none means all.

    `crops=False` keeps pieces of the images out of the result file, where their terms forbid passing them on.
    """

    bundle: Bundle
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of HR images, or one with HR/ and LRbicx<scale>/.", show_default=False),
    ] = None
    photographs: Annotated[
        bool, typer.Option("--photographs", help="Use the demo's photographs (scikit-image ships them).")
    ] = False
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS
    artifacts: Artifacts = ()
    device: Device = "CPU"
    threads: Threads = None
    max_drop_db: Annotated[
        float | None,
        typer.Option("--max-drop", help="A limit of your own for the mean drop, in dB.", show_default=False),
    ] = None
    limits: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Limits of your own, TOML or JSON; see docs/reference/gates.md.", show_default=False
        ),
    ] = None
    below_bicubic: Annotated[
        bool, typer.Option("--below-bicubic", help="Let a checkpoint pass that is worse than bicubic enlargement.")
    ] = False
    ladder: Annotated[
        bool, typer.Option("--ladder", help="Also print what each step costs, from torch to the last artifact.")
    ] = False
    blocks: Annotated[
        bool, typer.Option("--blocks", help="Also print the error of every block inside the network; needs torch.")
    ] = False
    json: Json = None
    machine: Machine = None
    crops: Annotated[
        bool, typer.Option(help="Keep small crops in --json, for the report; not for images you may not pass on.")
    ] = True
