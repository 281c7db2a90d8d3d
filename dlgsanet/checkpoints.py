"""Reading, recognising and saving checkpoints. Nothing in a file is ever executed (`weights_only`, safetensors)."""

from __future__ import annotations

import json
import pickle  # noqa: TID251  (only the name of its error)
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dlgsanet.errors import InputError, nearest
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import sha256_file, write_bytes

WEIGHTS = Path(__file__).parent / "weights"
_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
_BASICSR_SLOTS = ("params_ema", "params")  # the moving average is what the authors evaluate
_MAX_BYTES = 2 << 30  # the full model has 19 MB; more than this is another kind of file
_NAMES_SHOWN = 4


@dataclass(frozen=True)
class Checkpoint:
    """Weights read from a file: a complete, checked state for `config`."""

    name: str
    sha256: str
    config: ModelConfig
    state: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def shipped_names() -> list[str]:
    """Names of the checkpoints inside this package, such as `nano-x4`."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def load_model(name_or_path: str | Path, activation: str | None = None) -> DLGSANet:
    """The reference network in eval mode, fp32 on the CPU.

    `name_or_path` is a shipped name (`nano-x4`) or a `.safetensors`/`.pth` file; `activation` (of the attention
    map) overrides what the file says, since plain checkpoints do not say it. Raises InputError.
    """
    return build_model(read_checkpoint(name_or_path, activation))


def build_model(checkpoint: Checkpoint) -> DLGSANet:
    """A network in eval mode with the checkpoint's weights."""
    model = DLGSANet(checkpoint.config)
    model.load_state_dict(dict(checkpoint.state), strict=True)
    return model.eval().requires_grad_(False)


def read_checkpoint(name_or_path: str | Path, activation: str | None = None) -> Checkpoint:
    """Read and check a checkpoint: its configuration follows from its shapes. Raises InputError in one line."""
    path = _locate(name_or_path)
    if path.stat().st_size > _MAX_BYTES:
        raise InputError(f"expected a checkpoint below 2 GiB, found {path} of {path.stat().st_size >> 20} MiB")
    state, metadata = _read_safetensors(path) if path.suffix == ".safetensors" else (_read_pickle(path), {})
    state = {key.removeprefix("module."): value for key, value in state.items()}
    config = infer_config(state, activation or metadata.get("activation", "relu"), path.name)
    _check_state(state, config, path.name)
    floats = {key: value.to(torch.float32) for key, value in state.items()}
    if bad := [key for key, value in floats.items() if not bool(value.isfinite().all())]:
        raise InputError(f"{path.name} holds non-finite values in {_some(bad)}: use an undamaged checkpoint")
    return Checkpoint(path.stem, sha256_file(path), config, floats, metadata)


def save_checkpoint(path: str | Path, model: DLGSANet, metadata: Mapping[str, str]) -> None:
    """Write the weights as safetensors, atomically, with their description.

    `metadata` says what a user must know (training data, PSNR, licence); variant, scale and activation are
    added from the model itself. Raises InputError when the place cannot be written.
    """
    config = model.config
    facts = {"variant": config.variant, "scale": str(config.scale), "activation": config.activation}
    state = {key: value.detach().to("cpu", torch.float32).contiguous() for key, value in model.state_dict().items()}
    write_bytes(path, _sorted_header(save(state, {**metadata, **facts})))


def _sorted_header(data: bytes) -> bytes:
    """The same safetensors file with its header's members in order: safetensors writes metadata in a random one."""
    end: int = 8 + int.from_bytes(data[:8], "little")
    text = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    header = text.encode()
    header += b" " * (-len(header) % 8)  # the tensors start on a multiple of eight
    tensors: bytes = data[end:]
    return len(header).to_bytes(8, "little") + header + tensors


def infer_config(state: Mapping[str, Tensor], activation: str, name: str) -> ModelConfig:
    """Configuration that the tensors' names and shapes imply. Raises InputError if they are another network's."""
    embed = state.get("overlap_embed.0.proj.weight")
    last = state.get("upsample.0.weight")
    if embed is None or last is None or embed.ndim != 4 or last.ndim != 4:
        raise InputError(
            f"expected a DLGSANet checkpoint with overlap_embed.0.proj.weight and upsample.0.weight, found {name} "
            f"with {_some(sorted(state))}: this is another network's file"
        )
    groups = _count(state, r"deep_feature_extraction\.(\d+)\.body\.")
    layers = _count(state, r"deep_feature_extraction\.0\.body\.(\d+)\.")
    if max(groups, layers) > len(state):  # indices are read from names: do not build what the file cannot fill
        raise InputError(f"expected consecutive groups and blocks in {name}, found index {max(groups, layers) - 1}")
    scale = round((last.shape[0] / 3) ** 0.5)
    if 3 * scale * scale != last.shape[0]:
        raise InputError(f"expected 3*s*s channels in upsample.0.weight of {name}, found {last.shape[0]}")
    dynamic = "deep_feature_extraction.0.body.0.IDynamicDWConv.conv.weight" not in state
    return ModelConfig(embed.shape[0], groups, (layers - 1) // 2, scale, dynamic, activation)


def _locate(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix in _SUFFIXES:
        if not path.is_file():
            raise InputError(f"expected a checkpoint file at {path}, found none: check the path")
        return path
    shipped = WEIGHTS / f"{path.name}.safetensors"
    if str(name_or_path) == path.name and shipped.is_file():
        return shipped
    guess = nearest(path.name, shipped_names())
    raise InputError(
        f"expected a shipped model ({', '.join(shipped_names()) or 'none'}) or a {'/'.join(_SUFFIXES[:2])} file, "
        f"found {str(name_or_path)!r}" + (f": did you mean {guess}?" if guess else ": check the name")
    )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"cannot read {path} as safetensors ({_first_line(error)}): download it again") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"refused {path}: it holds code or objects other than tensors, or is damaged; nothing of it was "
            "executed: save the plain state dict, or convert it to safetensors where you trust it"
        ) from error
    except Exception as error:
        reason = f"{type(error).__name__}: truncated, damaged or no checkpoint"  # the text tells of torch's insides
        raise InputError(f"cannot read {path} as a PyTorch checkpoint ({reason}): download it again") from error
    if isinstance(content, dict):
        for slot in _BASICSR_SLOTS:
            if isinstance(content.get(slot), dict):
                content = content[slot]
                break
    if not _is_state(content):
        names = sorted(map(str, content)) if isinstance(content, dict) else [type(content).__name__]
        raise InputError(
            f"expected tensors by name (bare, or under params_ema or params) in {path}, "
            f"found {_some(names) or 'nothing'}: save the plain state dict"
        )
    return content


def _is_state(content: object) -> TypeGuard[dict[str, Tensor]]:
    if not isinstance(content, dict) or not content:
        return False
    return all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())


def _check_state(state: Mapping[str, Tensor], config: ModelConfig, name: str) -> None:
    with torch.device("meta"):
        wanted = {key: tuple(value.shape) for key, value in DLGSANet(config).state_dict().items()}
    problems = []
    if missing := sorted(wanted.keys() - state.keys()):
        problems.append(f"missing {_some(missing)}")
    if extra := sorted(state.keys() - wanted.keys()):
        problems.append(f"unexpected {_some(extra)}")
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {shape}"
        for key, shape in wanted.items()
        if key in state and tuple(state[key].shape) != shape
    ]
    if shapes:
        problems.append(f"mis-shaped {_some(shapes)}")
    if whole := [f"{key} of {value.dtype}" for key, value in state.items() if not value.is_floating_point()]:
        problems.append(f"not of floating point {_some(whole)}")
    if problems:
        raise InputError(f"{name} is not a complete {config.variant} x{config.scale} checkpoint: {'; '.join(problems)}")


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    found = {int(match[1]) for key in state if (match := re.match(pattern, key))}
    return max(found) + 1 if found else 0


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
