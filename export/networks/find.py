"""Which family a network is of."""

from __future__ import annotations

from pathlib import Path

from dlgsanet.checkpoints import read_checkpoint
from export.networks.dlgsanet.network import DlgsaNetwork
from export.networks.network import Network, NetworkOptions


def find_network(model: str | Path, options: NetworkOptions) -> Network:
    """Read what a user calls a network: a shipped name, or a file. Raises InputError."""
    return DlgsaNetwork(read_checkpoint(model, options.activation))
