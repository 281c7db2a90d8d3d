"""Result files of schema 1, made into those of schema 2.

What a record is about was only in its name then. It is read out of names here and nowhere else.
"""

from __future__ import annotations

from dlgsanet.storage.json_text import Json

_PEERS = ("swinir-light", "naive")
_PRECISIONS = ("fp32", "fp16", "bf16", "int8", "int8w", "pal8", "pal6", "pal4")
_ROOFLINE = ("network_macs", "lowered_macs", "peak_share", "lowered_share")


def upgraded(value: dict[str, Json]) -> dict[str, Json]:
    """The file as schema 2 would hold it. Whatever is wrong in it stays wrong: the reader will name it."""
    made: dict[str, Json] = {**value, "schema": 2}
    for key in ("records", "error_maps"):
        items = value.get(key)
        if isinstance(items, list):
            made[key] = [_record(item) if isinstance(item, dict) else item for item in items]
    return made


def identity(name: str) -> tuple[str, str]:
    """Role and backend of what schema 1 calls `name`: `openvino-bf16-128x128`, `torch-official-128x128`,
    `swinir-light-onnxruntime-fp32-128x128`, `bicubic-128x128`."""
    words = name.split("-")
    if words[0] == "torch":
        return ("reference", "torch") if words[1:2] == ["reference"] else ("peer", _of_torch(words))
    if words[0] == "bicubic":
        return "peer", "pillow"
    for peer in _PEERS:
        if name.startswith(f"{peer}-"):
            return "peer", _before_precision(name.removeprefix(f"{peer}-").split("-"))
    return "artifact", _before_precision(words)


def _of_torch(words: list[str]) -> str:
    return "torch-cuda" if words[1:2] == ["cuda"] else "torch"


def _before_precision(words: list[str]) -> str:
    end = next((place for place, word in enumerate(words) if place and word in _PRECISIONS), 1)
    return "-".join(words[:end])


def _record(record: dict[str, Json]) -> dict[str, Json]:
    made = dict(record)
    subject = record.get("step" if record.get("kind") == "rung" else "artifact")
    if isinstance(subject, str):
        made["role"], made["backend"] = identity(subject)
    other = record.get("other")
    if record.get("kind") == "ratio" and isinstance(other, str):
        made["other_role"], made["other_backend"] = identity(other)
    if record.get("kind") == "latency":
        counts = {key: made.pop(key) for key in _ROOFLINE if key in made}
        made["roofline"] = counts if any(item is not None for item in counts.values()) else None
    return made
