"""`manifest.json`, the contract of a bundle: its records, its strict reader, its writer, and the hash check.

Schema 1. Every field of the records (`runtimes.bundle.records`) is one JSON member of the same name; tuples are
lists. A field that is missing or unknown is refused, so that a bundle never means something else than what its
writer meant; `function` is there only where a package has several.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from dlgsanet.errors import InputError, shown, unknown
from dlgsanet.storage.json_text import Json, parse
from dlgsanet.storage.regular import read_regular
from dlgsanet.storage.typed_json import Count, decode, encode
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
    "choose",
    "manifest_json",
    "read_manifest",
    "read_verified",
    "select",
    "verify",
]

MANIFEST = "manifest.json"
# A manifest holds text only; anything larger is not one of ours and would only fill the memory.
MAX_MANIFEST_BYTES = 64 << 20
ADVICE = "make the bundle again"


def manifest_json(manifest: Manifest) -> str:
    """Return the text of `manifest.json`. The result is read back first, so nothing unreadable is ever
    written.

    Raises InputError (a field that the reader would refuse) or ValueError (NaN in a certificate).
    """
    text = encode(manifest, indent=2)
    _manifest(parse(text, MANIFEST, ADVICE))
    return text


def read_manifest(bundle: str | Path) -> Manifest:
    """Read and check `<bundle>/manifest.json`; touches no other file (see `verify`).

    Raises InputError: not a bundle, not JSON, a newer schema, a missing, unknown or wrong field, or a path
    that leaves the bundle.
    """
    path = Path(bundle) / MANIFEST
    try:
        data = read_regular(path, MAX_MANIFEST_BYTES)
    except OSError as error:
        raise InputError(
            f"'{bundle}' is not a readable bundle: {MANIFEST}: {error.strerror}; make one with `dlgsanet export`"
        ) from error
    return _manifest(parse(data, str(path), ADVICE))


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


def choose(manifest: Manifest, prefixes: Sequence[str]) -> list[Artifact]:
    """The artifacts whose ids begin with any of the prefixes, in the manifest's order; all without prefixes.

    Raises InputError for a prefix that fits none, or a bundle without artifacts.
    """
    names = [artifact.id for artifact in manifest.artifacts]
    if not names:
        raise InputError(f"bundle '{manifest.name}' holds no artifacts; export it with a target")
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            raise unknown("artifact", prefix, names)
    wanted = tuple(prefixes) or ("",)
    return [artifact for artifact in manifest.artifacts if artifact.id.startswith(wanted)]


def _manifest(value: Json) -> Manifest:
    told = value.get("schema") if isinstance(value, dict) else 1
    schema: int = decode(Count, told, "manifest.schema", ADVICE)
    if schema > SCHEMA:  # before anything else: a newer schema may have any fields
        raise InputError(
            f"this bundle has manifest schema {schema}, this version reads up to {SCHEMA}: update dlgsanet-edge"
        )
    manifest = decode(Manifest, _without_empty_facts(value), "manifest", ADVICE)
    _require_consistent(manifest)
    return manifest


def _without_empty_facts(value: Json) -> Json:
    """Certificate and choice were open objects once, empty for files from elsewhere: null says that today."""
    if not isinstance(value, dict) or not isinstance(artifacts := value.get("artifacts"), list):
        return value
    cleaned: list[Json] = [
        {key: None if key in ("certificate", "choice") and item == {} else item for key, item in artifact.items()}
        if isinstance(artifact, dict)
        else artifact
        for artifact in artifacts
    ]
    return {**value, "artifacts": cleaned}


def _require_consistent(manifest: Manifest) -> None:
    """Refuse what no writer of ours writes: a wrong or repeated id, unlisted files, shapes that do not
    fit."""
    seen: set[str] = set()
    for artifact in manifest.artifacts:
        expected = artifact_id(artifact.backend, artifact.precision, artifact.variant, artifact.tile)
        if artifact.id != expected:
            raise InputError(f"manifest: artifact {shown(artifact.id)} should be called {shown(expected)}")
        if artifact.id in seen:
            raise InputError(f"manifest: artifact {shown(artifact.id)} is there twice")
        seen.add(artifact.id)
        if not any(path == artifact.path or path.startswith(artifact.path + "/") for path in artifact.files):
            raise InputError(f"manifest: artifact {shown(artifact.id)}: {shown(artifact.path)} is not among its files")
        _require_function(artifact, manifest.artifacts)
        _require_shapes(artifact, manifest.scale)
    used = _reference_paths(manifest.reference)
    for path in used:
        if path not in manifest.reference.files:
            raise InputError(f"manifest: reference: {shown(path)} has no sha256 in its files")


def _require_function(artifact: Artifact, artifacts: Iterable[Artifact]) -> None:
    if artifact.function is None:
        return
    if artifact.path in artifact.files:  # a single file: the packages with functions are folders
        raise InputError(
            f"manifest: artifact {shown(artifact.id)}: expected functions in Core ML packages only, found "
            f"{shown(artifact.function)}"
        )
    same = [a.id for a in artifacts if (a.path, a.function) == (artifact.path, artifact.function)]
    if len(same) > 1:
        raise InputError(
            f"manifest: artifacts {shown(same[0])} and {shown(same[1])} are the same function of a package, "
            f"{shown(artifact.function)}; expected one for each"
        )


def _require_shapes(artifact: Artifact, scale: int) -> None:
    height, width = artifact.tile
    for port, factor in ((artifact.input, 1), (artifact.output, scale)):
        h, w = height * factor, width * factor
        expected = (1, h, w, 3) if port.layout.startswith("NHWC") else (1, 3, h, w)
        if port.layout.startswith(("NCHW", "NHWC")) and port.shape != expected:
            raise InputError(
                f"manifest: artifact {shown(artifact.id)}: {shown(port.name)} has shape {shown(list(port.shape))}, "
                f"expected {list(expected)} for a {height}x{width} tile at x{scale}"
            )


def _reference_paths(reference: Reference) -> Iterable[str]:
    yield reference.checkpoint
    for entry in reference.entries:
        yield from (entry.lr, entry.hr, *entry.sr.values())
    yield from reference.probes.values()
