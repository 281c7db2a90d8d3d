"""The options of `fleet-plan`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dlgsanet.command_line.words import Words
from dlgsanet.errors import InputError

MOST_MACHINES = 1000
"""The simulation has not been held against a real cluster yet; beyond a thousand nobody should believe it."""

_UNITS = {"s": 1 / 3600, "m": 1 / 60, "min": 1 / 60, "h": 1.0, "d": 24.0}


def read_hours(text: str) -> float:
    """`24h`, `90min`, `2d`, or hours alone. Raises InputError."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(number) :] or "h"
    try:
        hours = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        hours = -1.0
    if not 0 < hours < 1e6:
        raise InputError(f"expected a --deadline such as 24h, 90min or 2d, found '{text}'")
    return hours


@dataclass(frozen=True)
class FleetPlanOptions:
    """What is to be done, by when, and what the world is like. `results`: of `bench --job --json`, or records of
    `upscale --ray`; several of them are several machines or runs."""

    results: Annotated[
        tuple[Path, ...], typer.Argument(help="Files of `bench --job --json`, or records of `upscale --ray`.")
    ]
    pictures: Annotated[float, typer.Option(min=1, max=1e12, help="How many pictures, such as 1e6.")]
    megapixels: Annotated[float, typer.Option(min=1e-6, max=1e5, help="Of one of them.")]
    deadline: Annotated[float | None, Words(read_hours), typer.Option(help="By when, such as 24h.")] = None
    actors: Annotated[int, typer.Option(min=1, help="Actors of a machine, each as fast as what was measured.")] = 1
    megabytes: Annotated[float, typer.Option(min=0, help="Of a picture, read and written, through the store.")] = 0.0
    bandwidth: Annotated[
        float | None, typer.Option(min=1e-3, help="Of the store, MB a second for all machines together.")
    ] = None
    failures: Annotated[float, typer.Option(min=0, help="Of a machine, a day.")] = 0.1
    price: Annotated[float | None, typer.Option(min=0, help="Of a machine, an hour, in your currency.")] = None
    watts: Annotated[
        float | None, typer.Option(min=0, help="Of a machine at work, where the measurement does not tell.")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False
