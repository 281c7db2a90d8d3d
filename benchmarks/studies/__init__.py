"""Studies whose results are committed. They may import everything; nothing imports them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dlgsanet.errors import EdgeError, ExitCode

if TYPE_CHECKING:
    import typer


def run_study(main: Callable[..., None] | typer.Typer) -> None:
    """Run a study's command line, of one function or of several. What it cannot do is one line and the exit code of the
    `dlgsanet` command."""
    import typer

    try:
        main() if isinstance(main, typer.Typer) else typer.run(main)
    except EdgeError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from None
    except ModuleNotFoundError as error:  # also of a package whose version is asked for
        typer.echo(f"the study needs the package {error.name}, found none: install it", err=True)
        raise SystemExit(ExitCode.UNAVAILABLE) from None
