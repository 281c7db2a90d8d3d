"""The options of `repository`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

MOST_INSTANCES = 1024


@dataclass(frozen=True)
class RepositoryOptions:
    """Which artifacts, for which server, where to; `artifacts`: beginnings of ids, none means all it runs."""

    bundle: Annotated[Path, typer.Argument(help="A bundle that `dlgsanet export` wrote.", show_default=False)]
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make.")]
    server: Annotated[str, typer.Option("--for", metavar="SERVER", help="triton or ovms (OpenVINO Model Server).")]
    artifacts: Annotated[
        tuple[str, ...],
        typer.Option(
            "--artifact",
            metavar="PREFIX",
            help="Only artifacts whose names begin so; may be repeated.",
            show_default=False,
        ),
    ] = ()
    instances: Annotated[
        int, typer.Option(min=1, max=MOST_INSTANCES, help="Tiles that the server computes at once.")
    ] = 1
    force: Annotated[bool, typer.Option("--force", help="Replace a repository that exists.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print the models as JSON.")] = False
