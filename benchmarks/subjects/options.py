"""Options that `check` and `bench` share, as fields of their dataclasses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Bundle = Annotated[Path, typer.Argument(help="A bundle that `dlgsanet export` wrote.", show_default=False)]
Artifacts = Annotated[
    tuple[str, ...],
    typer.Option(
        "--artifact", metavar="PREFIX", help="Only artifacts whose names begin so; may be repeated.", show_default=False
    ),
]
Device = Annotated[str, typer.Option(help="CPU, GPU, NPU, or an ONNX Runtime execution provider.")]
Threads = Annotated[
    int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if not given.", show_default=False)
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Ask a model server (KServe v2) for the artifact: grpc:// or http://.", show_default=False
    ),
]
ServedName = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="What the server calls it, or NAME:VERSION.", show_default=False),
]
Json = Annotated[
    Path | None,
    typer.Option("--json", help="Write a result file for `report`; - prints it.", show_default=False),
]
Machine = Annotated[str | None, typer.Option(help="What the report calls this machine; its processor if not given.")]
