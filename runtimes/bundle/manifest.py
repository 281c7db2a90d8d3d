"""`manifest.json`, the contract of a bundle: its records, its strict reader, its writer, and the hash check.

Schema 1. Every field of the records (`runtimes.bundle.records`) is one JSON member of the same name; tuples are
lists. A field that is missing or unknown is refused, so that a bundle never means something else than what its
writer meant; `function` is there only where a package has several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from dlgsanet.errors import InputError, unknown
from runtimes.bundle.integrity import read_verified, verify
from runtimes.bundle.records import (
    LOW_RANK,
    PRECISIONS,
    SCHEMA,
    Artifact,
    Calibration,
    Manifest,
    PackEntry,
    Port,
    Reference,
    Source,
    artifact_id,
)
from runtimes.bundle.strict_json import Node, parse

__all__ = [
    "LOW_RANK",
    "MANIFEST",
    "PRECISIONS",
    "SCHEMA",
    "Artifact",
    "Calibration",
    "Manifest",
    "PackEntry",
    "Port",
    "Reference",
    "Source",
    "artifact_id",
    "manifest_json",
    "read_manifest",
    "read_verified",
    "select",
    "verify",
]

MANIFEST = "manifest.json"
# A manifest holds text only; anything larger is not one of ours and would only fill the memory.
MAX_MANIFEST_BYTES = 64 << 20
FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def manifest_json(manifest: Manifest) -> str:
    """Return the text of `manifest.json`. The result is read back first, so nothing unreadable is ever
    written.

    Raises InputError (a field that the reader would refuse) or ValueError (NaN in a certificate).
    """
    value = asdict(manifest)
    for artifact in value["artifacts"]:
        if artifact["function"] is None:
            del artifact["function"]
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    _manifest(parse(text, MANIFEST))
    return text


def read_manifest(bundle: str | Path) -> Manifest:
    """Read and check `<bundle>/manifest.json`; touches no other file (see `verify`).

    Raises InputError: not a bundle, not JSON, a newer schema, a missing, unknown or wrong field, or a path
    that leaves the bundle.
    """
    path = Path(bundle) / MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise InputError(f"{path} is larger than {MAX_MANIFEST_BYTES >> 20} MiB: this is no bundle's manifest")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"'{bundle}' is not a readable bundle: {MANIFEST}: {error.strerror}; make one with `dlgsanet export`"
        ) from error
    return _manifest(parse(data, str(path)))


def select(manifest: Manifest, prefix: str) -> tuple[Artifact, ...]:
    """Return the artifacts meant by `prefix`: one artifact, or one family in several tiles (smallest first).

    An exact id wins, then an exact family, then an unambiguous prefix of ids. Raises InputError, listing
    the ids.
    """
    known = [artifact.id for artifact in manifest.artifacts]
    exact = [a for a in manifest.artifacts if a.id == prefix]
    family = [a for a in manifest.artifacts if a.family == prefix]
    found = exact or family or [a for a in manifest.artifacts if a.id.startswith(prefix)]
    families = sorted({artifact.family for artifact in found})
    if not found or not prefix:
        raise unknown("artifact", prefix, known)
    if len(families) > 1:
        raise InputError(f"artifact '{prefix}' is ambiguous: it may be {', '.join(families)}; give more of the name")
    return tuple(sorted(found, key=lambda artifact: (artifact.tile[0] * artifact.tile[1], artifact.tile)))


def _manifest(value: Any) -> Manifest:
    node = Node(value, "manifest")
    schema = node.member("schema").integer(least=1)
    if schema > SCHEMA:  # before anything else: a newer schema may have any fields
        raise InputError(
            f"this bundle has manifest schema {schema}, this version reads up to {SCHEMA}: update dlgsanet-edge"
        )
    found = node.fields(_names(Manifest))
    manifest = Manifest(
        schema=schema,
        name=found["name"].text(),
        scale=found["scale"].integer(least=1),
        source=_source(found["source"]),
        tools=found["tools"].text_map(),
        artifacts=tuple(_artifact(item) for item in found["artifacts"].items()),
        reference=_reference(found["reference"]),
        created=found["created"].text(),
        calibration=_calibration(found["calibration"]),
    )
    _require_consistent(manifest)
    return manifest


def _calibration(node: Node) -> Calibration | None:
    if node.value is None:
        return None
    found = node.fields(_names(Calibration))
    images = {name: item.sha256() for name, item in found["images"].mapping().items()}
    return Calibration(found["tiles"].integer(least=1), found["seed"].integer(), images)


def _names(record: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


def _source(node: Node) -> Source:
    found = node.fields(_names(Source))
    return Source(
        found["name"].text(),
        found["sha256"].sha256(),
        found["config"].anything(),
        found["metadata"].text_map(),
    )


def _port(node: Node) -> Port:
    found = node.fields(_names(Port))
    limits = tuple(item.number() for item in found["range"].items())
    if len(limits) != 2 or not limits[0] < limits[1]:
        found["range"].fail("two numbers, the smaller first")
    shape = tuple(item.integer(least=1) for item in found["shape"].items())
    return Port(found["name"].text(), found["layout"].text(), found["dtype"].text(), (limits[0], limits[1]), shape)


def _artifact(node: Node) -> Artifact:
    found = node.fields([name for name in _names(Artifact) if name != "function"], optional=("function",))
    tile = tuple(item.integer(least=1) for item in found["tile"].items())
    if len(tile) != 2:
        found["tile"].fail("height and width")
    if found["precision"].text() not in PRECISIONS:
        found["precision"].fail(f"one of {', '.join(PRECISIONS)}")
    calibration = found["calibration_sha256"]
    return Artifact(
        id=found["id"].text(),
        backend=found["backend"].text(),
        precision=found["precision"].text(),
        variant=found["variant"].optional_text(),
        tile=(tile[0], tile[1]),
        path=found["path"].path(),
        files=found["files"].files(),
        input=_port(found["input"]),
        output=_port(found["output"]),
        lowering=found["lowering"].text(),
        rewrites=found["rewrites"].texts(),
        hints=found["hints"].text_map(),
        calibration_sha256=None if calibration.value is None else calibration.sha256(),
        certificate=found["certificate"].anything(),
        graph=found["graph"].anything(),
        choice=found["choice"].anything(),
        function=_function(found["function"]),
    )


def _function(node: Node) -> str | None:
    if node.value is not None and not FUNCTION.match(node.text()):
        node.fail("a function's name: letters, digits and underscores")
    return node.optional_text()


def _reference(node: Node) -> Reference:
    found = node.fields(_names(Reference))
    entries = tuple(_entry(item) for item in found["entries"].items())
    return Reference(found["checkpoint"].path(), found["overlap"].integer(), entries, found["files"].files())


def _entry(node: Node) -> PackEntry:
    found = node.fields(_names(PackEntry))
    sr = {tile: item.path() for tile, item in found["sr"].mapping().items()}
    words = [found[key].text() for key in ("name", "source", "licence")]
    return PackEntry(words[0], words[1], words[2], found["lr"].path(), found["hr"].path(), sr)


def _require_consistent(manifest: Manifest) -> None:
    """Refuse what no writer of ours writes: a wrong or repeated id, unlisted files, shapes that do not
    fit."""
    seen: set[str] = set()
    for artifact in manifest.artifacts:
        expected = artifact_id(artifact.backend, artifact.precision, artifact.variant, artifact.tile)
        if artifact.id != expected:
            raise InputError(f"manifest: artifact '{artifact.id}' should be called '{expected}'")
        if artifact.id in seen:
            raise InputError(f"manifest: artifact '{artifact.id}' is there twice")
        seen.add(artifact.id)
        if not any(path == artifact.path or path.startswith(artifact.path + "/") for path in artifact.files):
            raise InputError(f"manifest: artifact '{artifact.id}': '{artifact.path}' is not among its files")
        _require_function(artifact, manifest.artifacts)
        _require_shapes(artifact, manifest.scale)
    used = _reference_paths(manifest.reference)
    for path in used:
        if path not in manifest.reference.files:
            raise InputError(f"manifest: reference: '{path}' has no sha256 in its files")


def _require_function(artifact: Artifact, artifacts: Iterable[Artifact]) -> None:
    if artifact.function is None:
        return
    if artifact.backend != "coreml":
        raise InputError(
            f"manifest: artifact '{artifact.id}': expected functions in Core ML packages only, found "
            f"'{artifact.function}'"
        )
    same = [a.id for a in artifacts if (a.path, a.function) == (artifact.path, artifact.function)]
    if len(same) > 1:
        raise InputError(
            f"manifest: artifacts '{same[0]}' and '{same[1]}' are the same function of a package, "
            f"'{artifact.function}'; expected one for each"
        )


def _require_shapes(artifact: Artifact, scale: int) -> None:
    height, width = artifact.tile
    for port, factor in ((artifact.input, 1), (artifact.output, scale)):
        expected = (1, 3, height * factor, width * factor)
        if port.layout.startswith("NCHW") and port.shape != expected:
            raise InputError(
                f"manifest: artifact '{artifact.id}': '{port.name}' has shape {list(port.shape)}, expected "
                f"{list(expected)} for a {height}x{width} tile at x{scale}"
            )


def _reference_paths(reference: Reference) -> Iterable[str]:
    yield reference.checkpoint
    for entry in reference.entries:
        yield from (entry.lr, entry.hr, *entry.sr.values())
