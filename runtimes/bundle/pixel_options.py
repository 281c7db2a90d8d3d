"""Options on how a network of others takes its pixels, as fields of a verb's dataclass."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from dlgsanet.command_line.words import Words, completing
from dlgsanet.errors import InputError, unknown
from runtimes.bundle.foreign import Channels, Triple

ORDERS: dict[str, Channels] = {"rgb": "rgb", "bgr": "bgr"}
TOPS = {"1": 1.0, "255": 255.0}


def _top(text: str) -> float:
    if text not in TOPS:
        raise unknown("range", text, TOPS)
    return TOPS[text]


def _channels(text: str) -> Channels:
    if text not in ORDERS:
        raise unknown("order of channels", text, ORDERS)
    return ORDERS[text]


def read_triple(text: str) -> Triple:
    """`0.485,0.456,0.406`, or one number for all three channels. Raises InputError."""
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 3) or not all(math.isfinite(value) for value in values):
        raise InputError(f"expected three numbers such as 0.485,0.456,0.406 as mean or deviation, found '{text}'")
    first, second, third = values * (3 // len(values))
    return first, second, third


def _deviation(text: str) -> Triple:
    found = read_triple(text)
    if min(found) <= 0:
        raise InputError(f"expected a deviation above 0 of every channel, found '{text}': correct --deviation")
    return found


Top = Annotated[
    float | None,
    typer.Option("--range", metavar="1|255", help="ONNX files: what white is, where it cannot be told."),
    Words(_top),
]
Mean = Annotated[
    Triple | None,
    typer.Option(
        "--mean",
        metavar="R,G,B",
        help="ONNX files: what the network wants taken from its pixels, in its own order and range of them.",
        show_default=False,
    ),
    Words(read_triple),
]
Deviation = Annotated[
    Triple | None,
    typer.Option("--deviation", metavar="R,G,B", help="ONNX files: and divided by.", show_default=False),
    Words(_deviation),
]
ChannelOrder = Annotated[
    Channels,
    typer.Option(
        "--channels", autocompletion=completing(ORDERS), help="ONNX files: order of the channels, rgb or bgr."
    ),
    Words(_channels),
]
