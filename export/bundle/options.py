"""What a user may ask of an export."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated

import typer

from dlgsanet.command_line.words import Words, completing
from dlgsanet.network.config import ACTIVATIONS
from export.backends.coreml.shapes import FIXED, SHAPES
from export.networks.network import NetworkOptions
from export.quantization.options import CALIBRATION_TILES, MAX_DROP_DB, CalibrationOptions
from export.targets.choice import AUTO, parse_frame, parse_tile, target_names
from export.targets.row import DEFAULT_DEPLOYMENT, DEFAULT_OPSET, DEPLOYMENTS, LOWERINGS
from export.targets.table import TargetOptions, precisions
from runtimes.bundle.pixel_options import ChannelOrder, Deviation, Mean, Top
from runtimes.runner.overlap import DEFAULT_TILE

AUTO_FRAME = (1080, 1920)
"""What stands for large pictures, (H, W) in LR pixels."""


def _rank(text: str) -> int | str | None:
    from export.rewriting.low_rank_basis import parse_rank  # needs torch

    return parse_rank(text)


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    `targets` are names of `export.targets.table.TARGETS` (`openvino-bf16`) or backends; none means the default targets
    whose packages are installed here; `precisions` keeps only those. `tiles` are (H, W) in LR pixels, or AUTO; for each
    of the `frames` (H, W) every target gets the tile in which it costs least on this machine. Without tiles and frames
    the tile is DEFAULT_TILE, AUTO is that for a frame of AUTO_FRAME. `lowering`
    replaces each target's default form of the dynamic convolution, `tune` by the one that is fastest on this machine;
    `activation` is the attention's, for a checkpoint that does not state it. `basis_rank` (a rank or `auto`)
    compresses the filters' basis, which is approximate, and holds `max_drop` dB on calibration images. `calibration`
    says from which images, and what INT8 learns its ranges from; `search` chooses its layers by measuring, within
    `max_drop`. `force` replaces an existing bundle, once the new one is complete. For Core ML: `image` also writes
    packages that take and give 8-bit pictures, `deployment` is the oldest system to run them, `shapes` (of
    export.backends.coreml.shapes) says whether several tiles are several packages or functions of one. `cache`: take
    what earlier exports kept on this machine; the artifacts are the same without it.
    """

    targets: Annotated[
        tuple[str, ...],
        typer.Option(
            "--to",
            metavar="TARGET",
            autocompletion=completing(target_names()),
            help=f"One of {', '.join(target_names())}; may be repeated, or a list with commas.",
        ),
        Words(commas=True),
    ] = ()
    tiles: Annotated[
        tuple[tuple[int, int] | str, ...],
        typer.Option(
            "--tile",
            metavar="SIZE",
            help=f"LR pixels, 128 or 128x96 (height x width), or {AUTO}: the fastest here for large pictures; may be "
            "repeated, as --to.",
        ),
        Words(parse_tile, commas=True),
    ] = ()
    lowering: Annotated[
        str | None,
        typer.Option(
            autocompletion=completing(LOWERINGS), help=f"Form of the dynamic convolution: {', '.join(LOWERINGS)}."
        ),
    ] = None
    tune: Annotated[
        bool, typer.Option("--tune", help="Time the forms of the dynamic convolution here and take the fastest.")
    ] = False
    opset: int = DEFAULT_OPSET
    activation: Annotated[
        str | None,
        typer.Option(
            autocompletion=completing(ACTIVATIONS),
            help=f"Of the attention map, if the file does not say: {', '.join(ACTIVATIONS)}.",
        ),
    ] = None
    calibration: CalibrationOptions = field(default_factory=CalibrationOptions)
    basis_rank: Annotated[
        int | str | None,
        typer.Option(metavar="N|auto", help="Approximate: fewer basis filters in every block; judged by `check`."),
        Words(_rank),
    ] = None
    max_drop: Annotated[
        float,
        typer.Option(metavar="DB", help="With --basis-rank or --search: what it may cost on the calibration images."),
    ] = MAX_DROP_DB
    search: Annotated[
        bool, typer.Option("--search", help="Choose the INT8 layers by measuring here: the fastest within --max-drop.")
    ] = False
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False
    image: Annotated[
        bool, typer.Option("--image", help="Core ML: also packages that take and give 8-bit pictures, for apps.")
    ] = False
    deployment: Annotated[
        str,
        typer.Option(
            autocompletion=completing(DEPLOYMENTS),
            help=f"Core ML: the oldest system that must run it, {', '.join(DEPLOYMENTS)}.",
        ),
    ] = DEFAULT_DEPLOYMENT
    shapes: Annotated[
        str,
        typer.Option(
            autocompletion=completing(SHAPES),
            help=f"Core ML: {'; '.join(f'{name}: {what}' for name, what in SHAPES.items())}.",
        ),
    ] = FIXED
    precisions: Annotated[
        tuple[str, ...],
        typer.Option(
            "--precision",
            autocompletion=completing(precisions()),
            help="Only this precision of the targets; may be repeated, as --to.",
        ),
        Words(commas=True),
    ] = ()
    frames: Annotated[
        tuple[tuple[int, int], ...],
        typer.Option(
            "--frame",
            metavar="SIZE",
            help="LR pixels of pictures or a video, 1920x1080 (width x height): the tile that is fastest for them "
            "here, timed; may be repeated, as --to.",
        ),
        Words(parse_frame, commas=True),
    ] = ()
    scale: Annotated[
        int | None, typer.Option(metavar="N", help="ONNX files: the scale that the network must have.")
    ] = None
    top: Top = None
    channels: ChannelOrder = "rgb"
    mean: Mean = None
    deviation: Deviation = None
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Use what earlier exports here proved and calibrated, and keep it; `dlgsanet cache` shows it.",
        ),
    ] = True

    @property
    def fixed_tiles(self) -> tuple[tuple[int, int], ...]:
        """The tiles that every target gets."""
        fixed = tuple(tile for tile in self.tiles if not isinstance(tile, str))
        return fixed if self.tiles or self.frames else (DEFAULT_TILE,)

    @property
    def planned_frames(self) -> tuple[tuple[int, int], ...]:
        """The frames that tiles are chosen for."""
        return (*self.frames, *([AUTO_FRAME] if AUTO in self.tiles else []))

    @property
    def of_targets(self) -> TargetOptions:
        """The part that is about targets alone."""
        return TargetOptions(self.opset, self.image, self.deployment, self.shapes)

    @property
    def of_network(self) -> NetworkOptions:
        """The part that is about the network alone; its tiles are those that are known before any is timed."""
        same = {each.name: getattr(self, each.name) for each in fields(NetworkOptions)}
        return NetworkOptions(**{**same, "tiles": self.fixed_tiles or (DEFAULT_TILE,)})


@dataclass(frozen=True, kw_only=True)
class ExportRequest(ExportOptions):
    """An export as it is typed: the options, of what, and where to."""

    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A shipped name (nano-x4), a .safetensors, .pth or .onnx file, or package.module:factory, whose code "
            "is run.",
        ),
    ]
    output: Annotated[Path, typer.Option("-o", "--output", metavar="BUNDLE", help="Folder to make.")]
    calibration_folder: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            metavar="DIR",
            help="HR images that INT8 and --basis-rank learn from. Default: scikit-image's.",
        ),
    ] = None
    calibration_tiles: Annotated[int, typer.Option(help="How many tiles of them.")] = CALIBRATION_TILES
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False

    @property
    def options(self) -> ExportOptions:
        """What is asked of the export itself. Raises InputError for a calibration that cannot be."""
        same = ExportOptions(**{each.name: getattr(self, each.name) for each in fields(ExportOptions)})
        return replace(same, calibration=CalibrationOptions(self.calibration_folder or "", self.calibration_tiles))
