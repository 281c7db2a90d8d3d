"""Which family a network is of."""

from __future__ import annotations

from pathlib import Path

from dlgsanet.checkpoints import AnotherNetworkError, read_checkpoint
from dlgsanet.errors import InputError, UnavailableError
from export.networks.dlgsanet.network import DlgsaNetwork
from export.networks.network import Network, NetworkOptions, Say
from export.networks.onnx_file.network import open_onnx
from export.networks.torch_module.factory import is_factory
from export.networks.torch_module.network import open_module

ONNX = ".onnx"


def find_network(model: str | Path, options: NetworkOptions, say: Say) -> Network:
    """Read what a user calls a network: a shipped name, a file, or a factory; `say` hears what takes long. Raises
    InputError, also where the package is missing that may know an unknown file, and says which."""
    if str(model).lower().endswith(ONNX):
        return open_onnx(Path(model), options)
    if is_factory(str(model)):
        say(f"running the code of {model}")
        return open_module("torch", str(model), options, say)
    try:
        checkpoint = read_checkpoint(model, options.activation)
    except AnotherNetworkError as error:
        try:
            return open_module("spandrel", str(model), options, say)
        except UnavailableError as missing:  # a damaged file of ours is likelier than a missing package
            raise InputError(f"{error}; {missing}") from missing
    asked = {
        "--scale": options.scale is not None,
        "--range": options.top is not None,
        "--channels": options.channels != "rgb",
        "--mean": options.mean is not None,
        "--deviation": options.deviation is not None,
    }
    for option, given in asked.items():
        if given:
            raise InputError(f"{option} is for ONNX files, and a DLGSANet checkpoint says it itself: leave it out")
    return DlgsaNetwork(checkpoint)
