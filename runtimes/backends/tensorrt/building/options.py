"""How engines are built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

DEFAULT_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class BuildOptions:
    """`artifacts` are beginnings of ids, none means every TensorRT artifact. `weak` lets TensorRT choose types (only
    where it still can: JetPack 6). `workspace_mb` and `optimization` (0 to 5) are the builder's own limits; `force`
    builds again what is up to date."""

    artifacts: Annotated[
        tuple[str, ...],
        typer.Option("--artifact", help="Only artifacts whose names begin so; may be repeated."),
    ] = ()
    weak: Annotated[
        bool, typer.Option("--weak-typing", help="JetPack 6: let TensorRT choose types; said wherever it runs.")
    ] = False
    workspace_mb: Annotated[
        int | None,
        typer.Option("--workspace", metavar="MIB", min=16, help="Memory that the builder may use for trying tactics."),
    ] = None
    optimization: Annotated[
        int | None, typer.Option(min=0, max=5, help="The builder's level; lower builds faster.")
    ] = None
    timeout_s: Annotated[float, typer.Option("--timeout", metavar="S", min=1, help="For each engine, in seconds.")] = (
        DEFAULT_TIMEOUT_S
    )
    force: Annotated[bool, typer.Option("--force", help="Build again what is up to date.")] = False
