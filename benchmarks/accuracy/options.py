"""The options of `check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.subjects.options import Artifacts, Device, Json, Machine, ServedName, Server, Threads
from dlgsanet.command_line.words import Words, completing, read_tile
from dlgsanet.imaging.limits import DEFAULT_MEGAPIXELS, MaxMegapixels
from runtimes.bundle.pixel_options import ChannelOrder, Deviation, Mean, Top
from runtimes.bundle.records import PRECISIONS


@dataclass(frozen=True)
class CheckOptions:
    """What to check, on what, where; `artifacts` are beginnings of ids, none means all.

    `crops=False` keeps pieces of the images out of the result file, where their terms forbid passing them on.
    """

    bundle: Annotated[
        Path,
        typer.Argument(
            help="A bundle that `dlgsanet export` wrote, or an ONNX file with --reference.", show_default=False
        ),
    ]
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="ONNX files: the network that the file should be.", show_default=False),
    ] = None
    tile: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="SIZE", help="ONNX files: LR pixels, 128 or 128x96 (height x width).", show_default=False),
        Words(read_tile),
    ] = None
    precision: Annotated[
        str | None,
        typer.Option(
            autocompletion=completing(PRECISIONS),
            help="ONNX files: by whose limits; by that of most weights if not given.",
            show_default=False,
        ),
    ] = None
    top: Top = None
    channels: ChannelOrder = "rgb"
    mean: Mean = None
    deviation: Deviation = None
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
    server: Server = None
    served_name: ServedName = None
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

    @property
    def of_files(self) -> bool:
        """Whether an ONNX file is to be checked."""
        return self.bundle.suffix.lower() == ".onnx" and not self.bundle.is_dir()

    def misplaced(self) -> list[str]:
        """The options given that mean nothing for what is to be checked."""
        if self.of_files:
            given = {
                "--artifact": bool(self.artifacts),
                "--ladder": self.ladder,
                "--blocks": self.blocks,
                "--server": self.server is not None,
            }
        else:
            given = {
                "--reference": self.reference is not None,
                "--tile": self.tile is not None,
                "--precision": self.precision is not None,
                "--range": self.top is not None,
                "--channels": self.channels != "rgb",
                "--mean": self.mean is not None,
                "--deviation": self.deviation is not None,
            }
        return [name for name, is_given in given.items() if is_given]

    def for_engines_here(self) -> list[str]:
        """The options given that mean nothing to a model server."""
        given = {
            "--device": self.device != "CPU",
            "--threads": self.threads is not None,
            "--blocks": self.blocks,
            "--ladder": self.ladder,
        }
        return [name for name, is_given in given.items() if is_given]
