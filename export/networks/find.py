"""Which family a network is of."""

from __future__ import annotations

from pathlib import Path

from dlgsanet.checkpoints import read_checkpoint
from dlgsanet.errors import InputError
from export.networks.dlgsanet.network import DlgsaNetwork
from export.networks.network import Network, NetworkOptions
from export.networks.onnx_file.network import open_onnx

ONNX = ".onnx"


def find_network(model: str | Path, options: NetworkOptions) -> Network:
    """Read what a user calls a network: a shipped name, or a file. Raises InputError."""
    if str(model).lower().endswith(ONNX):
        return open_onnx(Path(model), options)
    for option, given in (("--scale", options.scale), ("--range", options.top)):
        if given is not None:
            raise InputError(f"{option} is for ONNX files, and a DLGSANet checkpoint says it itself: leave it out")
    return DlgsaNetwork(read_checkpoint(model, options.activation))
