"""The verbs of this room: `doctor`, `build`, `card`, `upscale`. They work where no torch is installed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.coreml import ENGINE as COREML
from runtimes.runner.tiling import DEFAULT_OVERLAP

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console

    from runtimes.doctor import Report
    from runtimes.runner.contract import Runner
    from runtimes.upscale import Job, LoadedModel

LoadModel = Callable[[str], "LoadedModel"]

LARGEST = (256, 256)
"""LR pixels that `upscale --model` gives to the reference at once: about 1.5 GB for tiny x4."""


def register(app: typer.Typer, load_model: LoadModel | None = None) -> None:
    """Add this room's verbs. `load_model` maps a shipped name or path to a NumPy callable with a `scale`:
    only the front door has it, this room knows no torch; without it `upscale --model` says what is
    missing."""
    app.command("doctor")(doctor)
    app.command("build")(build)
    app.command("card")(card)
    app.command("upscale")(_upscale_verb(load_model))


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Show what this machine can run, proved by a tiny computation of every backend."""
    from dataclasses import asdict

    from rich.console import Console

    from runtimes.doctor import examine_all, require_runner

    with Console(stderr=True).status("probing") as status:
        report = examine_all(lambda name: status.update(f"probing {name}"))
    if as_json:
        sys.stdout.write(json.dumps(asdict(report), indent=2) + "\n")
    else:
        _print_report(report)
    require_runner(report)


def _print_report(report: Report) -> None:
    machine = report.machine
    memory = f", {machine.memory_mb} MB" if machine.memory_mb else ""
    lines = [f"{machine.cpu}: {machine.threads} cores{memory}"]
    lines += [f"{machine.system}, Python {machine.python}", ""]
    for row in report.backends:
        found = [
            f"{device.name} ({device.description}): {' '.join(device.precisions) or 'precisions not known'}"
            for device in row.devices
        ]
        head = f"{row.name:<13} {row.status:<10} {row.version or '':<12}"
        lines += [f"{head} {line}" for line in found or [row.note]]
    sys.stdout.write("\n".join(lines) + "\n")


def build(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    artifact: Annotated[
        list[str] | None, typer.Option(help="Only artifacts whose names begin so; may be repeated.")
    ] = None,
    weak_typing: Annotated[
        bool, typer.Option("--weak-typing", help="JetPack 6: let TensorRT choose types; said wherever it runs.")
    ] = False,
    workspace: Annotated[
        int | None, typer.Option(metavar="MIB", min=16, help="Memory that the builder may use for trying tactics.")
    ] = None,
    optimization: Annotated[
        int | None, typer.Option(min=0, max=5, help="The builder's level; lower builds faster.")
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="S", min=1, help="For each engine, in seconds.")] = 3600.0,
    force: Annotated[bool, typer.Option("--force", help="Build again what is up to date.")] = False,
) -> None:
    """Build a bundle's TensorRT engines on the device that will run them."""
    from rich.console import Console

    from runtimes.backends.tensorrt.build import BuildOptions, Built, build_engines

    options = BuildOptions(tuple(artifact or ()), weak_typing, workspace, optimization, timeout, force)
    console = Console(stderr=True)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, markup=False, highlight=False)

    def done(built: Built) -> None:
        sys.stdout.write("\n".join(built.lines()) + "\n")
        sys.stdout.flush()

    with console.status("building"):
        build_engines(bundle, options, say, done)


def card(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    artifact: Annotated[str, typer.Option(help="Only Core ML artifacts whose names begin so.")] = COREML.name,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """Show what Core ML packages ask of the Neural Engine, and how much of fp16 real pictures use."""
    from dataclasses import asdict

    from runtimes.backends.coreml.package_cards import describe, package_cards

    found = package_cards(bundle, artifact)
    if as_json:
        sys.stdout.write(json.dumps({name: asdict(package) for name, package in found.items()}, indent=2) + "\n")
        return
    for name, package in found.items():
        sys.stdout.write("\n".join(describe(name, package)) + "\n")


def _upscale_verb(load_model: LoadModel | None) -> Callable[..., None]:
    def upscale(
        inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Image files and folders.")],
        output: Annotated[Path, typer.Option("-o", "--output", help="Folder for <name>_x<scale>.png.")],
        bundle: Annotated[Path | None, typer.Option(help="Bundle to run.")] = None,
        artifact: Annotated[str | None, typer.Option(help="Artifact of the bundle, or its beginning.")] = None,
        model: Annotated[str | None, typer.Option(help="Run the reference: a shipped name or a file.")] = None,
        device: Annotated[str, typer.Option(help="CPU, GPU, NPU or an execution provider.")] = "CPU",
        threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: all cores.")] = None,
        overlap: Annotated[int, typer.Option(min=0, help="LR pixels shared by tiles.")] = DEFAULT_OVERLAP,
        tile: Annotated[str | None, typer.Option(help="HxW, with --model: larger images are cut.")] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace outputs that exist.")] = False,
    ) -> None:
        """Upscale image files and folders; transparency and bit depth are kept."""
        from rich.console import Console

        from runtimes.bundle.manifest import read_manifest
        from runtimes.runner.contract import RunOptions
        from runtimes.upscale import chosen_runner, list_inputs

        _require_choice(bundle, artifact, model, device, threads, tile)
        console = Console(stderr=True)
        sources = list_inputs(inputs)
        runner: AbstractContextManager[Runner]
        if bundle is not None:
            scale = read_manifest(bundle).scale
            options = RunOptions(device, threads)
            runner = chosen_runner(bundle, artifact, options, lambda line: console.print(line, markup=False))
        else:
            reference = _reference(load_model, str(model), _parse_tile(tile))
            runner, scale = reference, reference.scale
        jobs = _planned(console, sources, output, scale, force)
        with runner as run:
            _upscale_all(console, run, jobs, overlap)

    return upscale


def _require_choice(
    bundle: Path | None,
    artifact: str | None,
    model: str | None,
    device: str,
    threads: int | None,
    tile: str | None,
) -> None:
    """Refuse options that do not belong together. Raises InputError."""
    if (bundle is None) == (model is None):
        raise InputError("expected either --bundle FOLDER or --model NAME; give one of them")
    if model is not None and artifact is not None:
        raise InputError("--artifact names a part of a bundle: give it with --bundle, not with --model")
    if model is not None and (device != "CPU" or threads is not None):
        raise InputError("--device and --threads belong to --bundle; the reference runs on the CPU as torch is set up")
    if bundle is not None and tile is not None:
        raise InputError("--tile belongs to --model; the tiles of a bundle are fixed, choose one with --artifact")


def _parse_tile(text: str | None) -> tuple[int, int]:
    if text is None:
        return LARGEST
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if found is None:
        raise InputError(f"expected --tile HxW such as 256x256, found '{text}'")
    return int(found[1]), int(found[2])


def _reference(load_model: LoadModel | None, name: str, largest: tuple[int, int]) -> Runner:
    from runtimes.backends.torch.runner import TorchRunner

    if load_model is None:
        raise UnavailableError('--model needs torch: pip install "dlgsanet-edge[torch]", or use a bundle')
    model = load_model(name)
    return TorchRunner(model, model.scale, None, name, largest=largest)


def _planned(console: Console, sources: list[Path], output: Path, scale: int, force: bool) -> list[Job]:
    from rich.progress import Progress

    from runtimes.upscale import plan

    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("checking the inputs", total=len(sources))
        return plan(sources, output, scale, force, lambda: progress.advance(task))


def _upscale_all(console: Console, run: Runner, jobs: list[Job], overlap: int) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from runtimes.upscale import count_tiles, upscale_picture

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("tiles"),
        TimeRemainingColumn(),
    )
    total = sum(count_tiles(run, job, overlap) for job in jobs)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("upscaling", total=total)
        for job in jobs:
            upscale_picture(run, job, overlap, lambda: progress.advance(task))
    for job in jobs:
        sys.stdout.write(f"{job.target}\n")
