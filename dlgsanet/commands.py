"""The verb of this room: `train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this room's verbs to the command."""
    app.command("train")(train)


def train(
    config: Annotated[
        Path,
        typer.Argument(help="TOML file: [model] [data] [schedule] [optimizer] [loss] [distill] [run] [[stages]]."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder of the run; an unfinished run goes on. Default: runs/NAME."),
    ] = None,
    cache: Annotated[Path, typer.Option(help="Where prepared pixels are kept.")] = Path("runs/cache"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Time a few steps, print steps, memory and hours; write nothing.")
    ] = False,
) -> None:
    """Train a network on folders of photographs; interrupt with Ctrl-C, go on with the same command.

    Under torchrun it trains in many processes: torchrun --nproc_per_node 8 -m dlgsanet train CONFIG
    """
    from rich.console import Console

    from dlgsanet.training.configuration.read import read_config

    recipe = read_config(config)
    console = Console(stderr=True, quiet=os.environ.get("RANK", "0") != "0", soft_wrap=True, highlight=False)
    if dry_run:
        from dlgsanet.training.estimate import count_images, estimate

        for line in estimate(recipe).lines():
            console.print(line)
        console.print(f"training images: {count_images(recipe)}")
        return

    from dlgsanet.training.run import train as run

    checkpoint = run(recipe, output or Path("runs") / config.stem, cache, console)
    console.print(f"trained: {checkpoint}")
    console.print(f"next: dlgsanet export {checkpoint} -o bundle")
