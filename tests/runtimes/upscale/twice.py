"""`upscale` behind its front door, with a reference that repeats pixels."""

from __future__ import annotations

import numpy as np
import typer

from runtimes import commands


class Twice:
    """Stands for the reference behind the front door."""

    scale = 2
    notes = ()

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        return np.repeat(np.repeat(lr, 2, 2), 2, 3)


def upscale(*words: object) -> None:
    app = typer.Typer()
    commands.register(app, lambda name: Twice())
    given = ["upscale", *map(str, words), "--model", "m"]
    typer.main.get_command(app).main(given, standalone_mode=False)
