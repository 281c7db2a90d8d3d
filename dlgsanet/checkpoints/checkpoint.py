"""A checkpoint as the toolkit knows it: read from any layout, checked whole, built, saved."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from dlgsanet.checkpoints.containers import read_container
from dlgsanet.checkpoints.fit import infer_config, require_plain, require_whole
from dlgsanet.checkpoints.layouts import find_state
from dlgsanet.checkpoints.words import some
from dlgsanet.errors import InputError, nearest
from dlgsanet.network.config import ACTIVATIONS, ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import sha256_file, write_bytes

MODELSPEC = "modelspec."  # how these keys begin
SAME_TENSORS = "same_tensors_as"
"""Key of the hash that the file had before `modelspec.*` was written into it: what was measured then still holds."""

WEIGHTS = Path(__file__).parents[1] / "weights"
_ASSUMED = "relu"  # the paper's
_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")  # how a name says that it means a file


@dataclass(frozen=True)
class Checkpoint:
    """Weights read from a file: a complete, checked state for `config`. `notes`: what a user should know about how
    they were read, one line each."""

    name: str
    sha256: str
    config: ModelConfig
    state: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()


def shipped_names() -> list[str]:
    """Names of the checkpoints inside this package, such as `nano-x4`."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def load_model(name_or_path: str | Path, activation: str | None = None) -> DLGSANet:
    """The reference network in eval mode, fp32 on the CPU.

    `name_or_path` is a shipped name (`nano-x4`) or a checkpoint file; `activation` is that of the attention map,
    for plain checkpoints, which do not say it: else ReLU is assumed, with a warning. Raises InputError, also where the
    file says another one.
    """
    checkpoint = read_checkpoint(name_or_path, activation)
    for note in checkpoint.notes:
        warnings.warn(note, stacklevel=2)
    return build_model(checkpoint)


def build_model(checkpoint: Checkpoint) -> DLGSANet:
    """A network in eval mode with the checkpoint's weights."""
    model = DLGSANet(checkpoint.config)
    model.load_state_dict(dict(checkpoint.state), strict=True)
    return model.eval().requires_grad_(False)


def read_checkpoint(name_or_path: str | Path, activation: str | None = None) -> Checkpoint:
    """Read and check a checkpoint: its configuration follows from its names and shapes. Raises InputError in one
    line."""
    path = _locate(name_or_path)
    content = read_container(path)
    found = find_state(content.tree, path.name)
    stated = _activation(path.name, content.metadata.get("activation"), activation)
    require_plain(found.state, path.name)
    config = infer_config(found.state, stated or _ASSUMED, path.name)
    require_whole(found.state, config, path.name)
    floats = {key: value.detach().to(torch.float32) for key, value in found.state.items()}
    if bad := [key for key, value in floats.items() if not bool(value.isfinite().all())]:
        raise InputError(f"{path.name} holds non-finite values in {some(bad)}: use an undamaged checkpoint")
    assumed = f"{path.name} does not say its attention's activation: {_ASSUMED} is assumed (else give the activation)"
    notes = (*found.notes, *(() if stated else (assumed,)))
    return Checkpoint(path.stem, sha256_file(path), config, floats, content.metadata, notes)


def _activation(name: str, told: str | None, asked: str | None) -> str | None:
    """Another one than the file says would make another network of it, which no check could tell."""
    if told and asked in ACTIVATIONS and asked != told:
        raise InputError(
            f"expected {told}, which {name} says is its attention's activation, found {asked}: leave it out"
        )
    return asked or told


def save_checkpoint(path: str | Path, model: DLGSANet, metadata: Mapping[str, str]) -> None:
    """Write the weights as safetensors, atomically, with their description.

    `metadata` says what a user must know (training data, PSNR, licence); variant, scale and activation are
    added from the model itself, and what tools that know no DLGSANet look for, as `modelspec.*`
    (https://github.com/Stability-AI/ModelSpec). Raises InputError when the place cannot be written.
    """
    config = model.config
    facts = {"variant": config.variant, "scale": str(config.scale), "activation": config.activation}
    state = {key: value.detach().to("cpu", torch.float32).contiguous() for key, value in model.state_dict().items()}
    write_bytes(path, _sorted_header(save(state, {**_modelspec(config, metadata), **metadata, **facts})))


def _modelspec(config: ModelConfig, metadata: Mapping[str, str]) -> dict[str, str]:
    """What `metadata` says itself stands; a date is left out, so that the same weights give the same file."""
    known = {
        "sai_model_spec": "1.0.0",
        "architecture": "DLGSANet",
        "implementation": "https://arxiv.org/abs/2301.02031",
        "title": f"DLGSANet {config.variant} x{config.scale}",
        "license": metadata.get("licence", ""),
        "tags": "super-resolution, image-to-image",
    }
    return {f"{MODELSPEC}{key}": value for key, value in known.items() if value}


def _sorted_header(data: bytes) -> bytes:
    """The same safetensors file with its header's members in order: safetensors writes metadata in a random one."""
    end: int = 8 + int.from_bytes(data[:8], "little")
    text = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    header = text.encode()
    header += b" " * (-len(header) % 8)  # the tensors start on a multiple of eight
    tensors: bytes = data[end:]
    return len(header).to_bytes(8, "little") + header + tensors


def _locate(name_or_path: str | Path) -> Path:
    """A shipped name, or a path. Raises InputError with the nearest shipped name."""
    path = Path(name_or_path)
    shipped = WEIGHTS / f"{path.name}.safetensors"
    if str(name_or_path) == path.name and path.name in shipped_names():
        return shipped
    if path.is_file():
        return path
    if path.suffix.lower() in _SUFFIXES or path.exists():
        found = "something else" if path.exists() else "none"
        raise InputError(f"expected a checkpoint file at {path}, found {found}: check the path")
    guess = nearest(path.name, shipped_names())
    raise InputError(
        f"expected a shipped model ({', '.join(shipped_names()) or 'none'}) or a checkpoint file, "
        f"found {str(name_or_path)!r}" + (f": did you mean {guess}?" if guess else ": check the name")
    )
