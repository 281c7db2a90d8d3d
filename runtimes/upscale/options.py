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
    """What to upscale, by what, where to. Either `bundle` or `model` is given. From `codec` on: videos only."""

    inputs: Annotated[
        tuple[Path, ...], typer.Argument(metavar="INPUT...", help="Image files and folders, or one video; - for stdin.")
    ]
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="Folder for <name>_x<scale>.png; of one picture or video, its file; - for stdout."
        ),
    ]
    bundle: Annotated[Path | None, typer.Option(help="Bundle to run.")] = None
    artifact: Annotated[str | None, typer.Option(help="Artifact of the bundle, or its beginning.")] = None
    model: Annotated[
        str | None, typer.Option(help="Run the reference: a shipped name or a file; with --server, a name there.")
    ] = None
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask a model server (KServe v2): grpc:// or http://.")
    ] = None
    device: Annotated[str, typer.Option(help="CPU, GPU, NPU or an execution provider.")] = "CPU"
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; default: all cores.")] = None
    overlap: Annotated[int, typer.Option(min=0, help="LR pixels shared by tiles.")] = DEFAULT_OVERLAP
    tile: Annotated[str | None, typer.Option(help="HxW, with --model: larger images are cut.")] = None
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS
    force: Annotated[bool, typer.Option("--force", help="Replace outputs that exist.")] = False
    form: Annotated[
        str | None, typer.Option("--format", help="Pictures: png (default), jpg, webp, tiff, or same as the input.")
    ] = None
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="JPEG: default 95. WebP: lossy then.")] = None
    compression: Annotated[
        int | None, typer.Option(min=0, max=9, help="PNG: 0 to 9; the more, the smaller and slower; default 3.")
    ] = None
    strip: Annotated[bool, typer.Option("--strip", help="Pictures: leave out EXIF, XMP and resolution.")] = False
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Pictures: go on where a run stopped; outputs there are kept.")
    ] = False
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Pictures: past those that fail; exit code 2 at the end.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="On many machines: address of a Ray cluster, auto, or local; files may lie at URLs.",
        ),
    ] = None
    record: Annotated[
        Path | None, typer.Option(help="With --ray: JSON lines of what became of each file; default upscaled.jsonl.")
    ] = None
    limit: Annotated[int | None, typer.Option(min=1, help="With --ray: no more than so many files.")] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --ray: estimate the time from a sample; nothing is written.")
    ] = False
    codec: Annotated[str | None, typer.Option(help="Video: h264, h265, av1, vp9 or ffv1 (lossless).")] = None
    crf: Annotated[int | None, typer.Option(min=0, help="Video: quality, less is better; default by codec.")] = None
    start: Annotated[str | None, typer.Option(metavar="TIME", help="Video: seconds or h:mm:ss to begin at.")] = None
    duration: Annotated[str | None, typer.Option(metavar="TIME", help="Video: how much of it.")] = None
    reuse: Annotated[
        float | None, typer.Option(metavar="DB", help="Video: tiles this near the last frame's take its output.")
    ] = None
    skip_damaged: Annotated[bool, typer.Option("--skip-damaged", help="Video: go on where it is damaged.")] = False
    cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="Keep what was timed and compiled here; `dlgsanet cache` shows it."),
    ] = True

    def for_videos(self) -> list[str]:
        """The options given that mean nothing for pictures."""
        given = {
            "--codec": self.codec is not None,
            "--crf": self.crf is not None,
            "--start": self.start is not None,
            "--duration": self.duration is not None,
            "--reuse": self.reuse is not None,
            "--skip-damaged": self.skip_damaged,
        }
        return [name for name, is_given in given.items() if is_given]

    def for_pictures(self) -> list[str]:
        """The options given that mean nothing for videos."""
        given = {
            "--format": self.form is not None,
            "--quality": self.quality is not None,
            "--compression": self.compression is not None,
            "--strip": self.strip,
            "--skip-existing": self.skip_existing,
            "--keep-going": self.keep_going,
        }
        return [name for name, is_given in given.items() if is_given]

    def for_fleets(self) -> list[str]:
        """The options given that mean nothing on one machine."""
        given = {"--record": self.record is not None, "--limit": self.limit is not None, "--dry-run": self.dry_run}
        return [name for name, is_given in given.items() if is_given]
