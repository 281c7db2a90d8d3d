"""From a file to what lies in it: told by its first bytes, its size judged before it is read, nothing executed."""

from __future__ import annotations

import pickle  # noqa: TID251  (only the name of its error)
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from dlgsanet.errors import InputError

MAX_BYTES = 2 << 30  # the full model has 19 MB; more than this is another kind of file
MAX_GROWTH = 256 << 20
"""Bytes that a file may unpack to beyond its own size: PyTorch stores tensors as they are."""

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_KNOWN = {b"<": "a web page", b"version https://git-lfs": "a pointer of Git LFS, not the file"}


@dataclass(frozen=True)
class Content:
    """What a file holds (nested or not) and the texts beside it."""

    tree: object
    metadata: Mapping[str, str]


def read_container(path: Path) -> Content:
    """Read a file, safetensors or PyTorch's, whatever its name ends in. Raises InputError in one line."""
    head = _head(path)
    # Its first eight bytes are the header's length, which may begin as the other kinds do.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return _read_safetensors(path)
    if head.startswith((_ZIP, _PICKLE)):  # the second is PyTorch's form before version 1.6
        return Content(read_torch_file(path), {})
    found = next((words for start, words in _KNOWN.items() if head.lstrip().startswith(start)), "something else")
    raise InputError(
        f"expected safetensors or a PyTorch file in {path}, found {found if head else 'an empty file'}: "
        "it is damaged or no checkpoint; get it again"
    )


def read_torch_file(path: Path) -> object:
    """What `torch.save` wrote, tensors and plain values alone. Raises InputError for code, objects, damage, and what
    unpacks to far more than it is."""
    if _head(path).startswith(_ZIP):
        _require_small_unpacked(path)
    try:
        with path.open("rb") as stream, warnings.catch_warnings():  # of a path, torch.load would judge the suffix
            warnings.simplefilter("ignore")  # about old storages and quantized tensors: they are refused later
            content: object = torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"refused {path}: it holds code or objects other than tensors, or is damaged; nothing of it was "
            "executed: save the plain state dict, or convert it to safetensors where you trust it"
        ) from error
    except Exception as error:
        reason = f"{type(error).__name__}: truncated, damaged or no checkpoint"  # the text tells of torch's insides
        raise InputError(f"cannot read {path} as a PyTorch checkpoint ({reason}): download it again") from error
    return content


def _head(path: Path) -> bytes:
    """The first bytes of a file that is small enough to be read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    if size > MAX_BYTES:
        raise InputError(f"expected a checkpoint below {MAX_BYTES >> 20} MiB, found {path} of {size >> 20} MiB")
    return head


def _require_small_unpacked(path: Path) -> None:
    """Refuse an archive that unpacks to far more than it is, by the sizes that its directory states."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except Exception as error:  # whatever zipfile meets in a damaged directory
        raise InputError(
            f"cannot read {path} as a PyTorch checkpoint: its directory is damaged; get it again"
        ) from error
    if unpacked > min(size + MAX_GROWTH, MAX_BYTES):
        raise InputError(
            f"refused {path}: {size >> 10} KiB that unpack to {unpacked >> 20} MiB; expected at most "
            f"{MAX_GROWTH >> 20} MiB more than the file; save it again with torch.save"
        )


def _read_safetensors(path: Path) -> Content:
    try:
        with safe_open(path, framework="pt") as file:
            return Content({key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"cannot read {path} as safetensors ({_first_line(error)}): download it again") from error
    except Exception as error:  # kinds of numbers that this torch or this safetensors does not know
        raise InputError(
            f"expected tensors of floating point in {path}, found others ({_first_line(error)}): save it in float32"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
