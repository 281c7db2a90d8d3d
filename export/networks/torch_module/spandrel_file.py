"""Family `spandrel`: a checkpoint of other people whose architecture spandrel recognises by its names and shapes."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from dlgsanet.checkpoints.containers import read_container
from dlgsanet.errors import InputError, UnavailableError
from export.networks.torch_module.loaded import LoadedModule
from export.pictures import photograph

INSTALL = "pip install 'dlgsanet-edge[zoo]'"
_SUPPORTED = "SUPPORTED"


def load_spandrel(name: str) -> LoadedModule:
    """Read weights, nothing else of the file, and have spandrel build their network. Raises UnavailableError without
    spandrel, InputError for what it does not know or what is no network from RGB to RGB."""
    try:
        import spandrel
    except ImportError as error:
        raise UnavailableError(
            f"{Path(name).name} is no DLGSANet checkpoint; others need {error.name}: {INSTALL}"
        ) from error
    content = read_container(Path(name))
    try:
        state = spandrel.canonicalize_state_dict(content.tree)
        found: Any = spandrel.ModelLoader().load_from_state_dict(state)
    except Exception as error:
        raise InputError(
            f"{Path(name).name} is neither a DLGSANet checkpoint nor one that spandrel {version('spandrel')} knows: "
            f"{type(error).__name__}: {error}".rstrip(": ")
        ) from error
    channels = (found.input_channels, found.output_channels)
    if channels != (3, 3) or not isinstance(found, spandrel.ImageModelDescriptor):
        raise InputError(
            f"expected a network from RGB to RGB, found {found.architecture.name} with {channels} channels"
        )
    _require_plain_call(found)
    rule, tiling = found.size_requirements, found.tiling.name
    return LoadedModule(
        found.model,
        {"architecture": found.architecture.name, "purpose": found.purpose, "tags": ", ".join(found.tags)},
        rule.multiple_of,
        rule.minimum,
        rule.square,
        content.metadata.get("modelspec.license", content.metadata.get("license", "")),
        "" if tiling == _SUPPORTED else f"{tiling.lower()}, as spandrel says of {found.architecture.name}",
    )


def _require_plain_call(found: Any) -> None:
    """Refuse a network that spandrel does not simply call: what it does around the call would be lost."""
    side = max(found.size_requirements.minimum, 64)
    picture = torch.from_numpy(photograph((side, side)))
    with torch.inference_mode():
        called, plain = found(picture.clone()), found.model(picture.clone())  # some networks change their input
    if not isinstance(plain, torch.Tensor) or not torch.equal(called, plain.clamp(0, 1)):
        raise InputError(f"spandrel calls {found.architecture.name} in a way of its own: give it as an ONNX file")
