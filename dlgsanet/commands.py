"""The verb of this room: `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this room's verbs to the command."""
    app.command("train")(train)


def train(
    config: Annotated[Path, typer.Argument(help="TOML file: [model] [data] [schedule] [optimizer] [run].")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run; an unfinished run goes on.")],
    cache: Annotated[Path, typer.Option(help="Where prepared pixels are kept.")] = Path("runs/cache"),
) -> None:
    """Train a network on a folder of photographs; interrupt with Ctrl-C, go on with the same command."""
    from rich.console import Console

    from dlgsanet.training.config import read_config
    from dlgsanet.training.run import train as run

    console = Console(stderr=True)
    checkpoint = run(read_config(config), output, cache, console)
    console.print(f"trained: {checkpoint}")
    console.print(f"next: dlgsanet export {checkpoint} -o bundle")
