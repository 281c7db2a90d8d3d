"""What a server says of a model, as far as pictures go through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlgsanet.errors import InputError, shown
from dlgsanet.storage.json_text import Json
from runtimes.runner.tiling import Tile

FLOATS = "FP32"
_ANY = -1


@dataclass(frozen=True)
class ServedModel:
    """A model of one picture in and one out, NCHW float32. `tile` (H, W) in LR pixels, None where the server takes any
    size; `scale` None where its shapes do not tell. `platform`: what runs it, in the server's words."""

    input: str
    output: str
    tile: Tile | None
    scale: int | None
    platform: str


@dataclass(frozen=True)
class _Port:
    name: str
    shape: tuple[int, ...]


def read_model(told: Json, model: str) -> ServedModel:
    """Of the metadata of the protocol. Raises InputError, saying what the model is, where it is none of a picture in
    and an enlarged one out."""
    facts = told if isinstance(told, Mapping) else {}
    entering, leaving = (_port(facts.get(key), key, model) for key in ("inputs", "outputs"))
    tile = None if _ANY in entering.shape[2:] else (entering.shape[2], entering.shape[3])
    return ServedModel(
        entering.name, leaving.name, tile, _scale(entering, leaving, model), str(facts.get("platform") or "not told")
    )


def _port(told: Json, what: str, model: str) -> _Port:
    ports = told if isinstance(told, Sequence) and not isinstance(told, str) else []
    if len(ports) != 1 or not isinstance(one := ports[0], Mapping):
        raise InputError(
            f"expected a model of one picture in and one out, '{model}' has {len(ports)} {what}; name another"
        )
    dims = one.get("shape")
    shape = tuple(map(_size, dims)) if isinstance(dims, Sequence) else ()
    if one.get("datatype") != FLOATS or len(shape) != 4 or shape[0] not in (1, _ANY) or shape[1] != 3:
        raise InputError(
            f"expected {FLOATS} of shape 1 x 3 x H x W among the {what} of '{model}', found "
            f"{shown(one.get('datatype'))} {list(shape)}; name another model"
        )
    return _Port(str(one.get("name")), shape)


def _size(told: Json) -> int:
    """Of either protocol: gRPC writes its numbers of 64 bits as text. 0 for what is no size."""
    try:
        return int(str(told))
    except ValueError:
        return 0


def _scale(entering: _Port, leaving: _Port, model: str) -> int | None:
    if _ANY in (*entering.shape[2:], *leaving.shape[2:]):
        return None
    height, width = entering.shape[2:]
    scale = leaving.shape[2] // max(height, 1)
    if scale < 1 or leaving.shape[2:] != (height * scale, width * scale):
        raise InputError(
            f"expected an output that is a whole number of times the input, '{model}' makes {list(leaving.shape[2:])} "
            f"of {list(entering.shape[2:])}; name another model"
        )
    return scale
