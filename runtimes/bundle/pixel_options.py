"""Options on how a network of others takes its pixels, as fields of a verb's dataclass."""

from __future__ import annotations

from typing import Annotated

import typer

from dlgsanet.command_line.words import Words, completing
from dlgsanet.errors import unknown
from runtimes.bundle.foreign import Channels

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


Top = Annotated[
    float | None,
    typer.Option("--range", metavar="1|255", help="ONNX files: what white is, where it cannot be told."),
    Words(_top),
]
ChannelOrder = Annotated[
    Channels,
    typer.Option(
        "--channels", autocompletion=completing(ORDERS), help="ONNX files: order of the channels, rgb or bgr."
    ),
    Words(_channels),
]
