"""What goes into a repository: one model for each artifact, and the words that say why another does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlgsanet.errors import InputError
from runtimes.bundle.manifest import Artifact, Manifest
from runtimes.runner.tiling import Array


@dataclass(frozen=True)
class Deployed:
    """One model of a repository. `files`: name beside the version's others -> file of the bundle, whose hash was
    checked when it is copied; `settings`: of the server, by its own names; `needs`: what a machine must have."""

    name: str
    artifact: Artifact
    files: Mapping[str, Path]
    settings: Mapping[str, str] = field(default_factory=dict)
    on_gpu: bool = False
    needs: str = ""


@dataclass(frozen=True)
class Passed:
    """An artifact that the server cannot run as it was judged, and why."""

    artifact: Artifact
    reason: str


@dataclass(frozen=True)
class Repository:
    """A repository that is not written yet. `warm`: one picture of each tile size, from the parity pack."""

    manifest: Manifest
    bundle: Path
    server: str
    models: tuple[Deployed, ...]
    passed: tuple[Passed, ...]
    instances: int
    warm: Mapping[tuple[int, int], Array]


def model_name(manifest: Manifest, artifact: Artifact) -> str:
    """What the server calls it: of every bundle another name, so that one server may hold several."""
    return f"{manifest.name}-{artifact.id}"


def ir_files(xml: Path) -> dict[str, Path]:
    """Both files of OpenVINO's form, as `Deployed` takes them."""
    return {"model.xml": xml, "model.bin": xml.with_suffix(".bin")}


def require_some(models: Iterable[Deployed], passed: Iterable[Passed], server: str) -> None:
    """Raise InputError with the reasons where nothing is left to deploy."""
    if not list(models):
        reasons = "; ".join(dict.fromkeys(one.reason for one in passed))
        raise InputError(f"no artifact of this bundle can be served by {server}: {reasons}")
