"""`dlgsanet card`: the Neural Engine card of a bundle's Core ML packages, with ranges on the bundle's pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError, unknown
from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.pixels import to_nchw
from runtimes.backends.coreml import ENGINE
from runtimes.backends.coreml.mil.neural_engine_card import Card, Ranges, card
from runtimes.backends.coreml.reference import MilRunner, read_package
from runtimes.bundle.integrity import stored_bytes, verify
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest
from runtimes.runner.tiling import middle_tile


@dataclass(frozen=True)
class PackageCard:
    """`range_used`: by block, the share of fp16's range that the parity pack's pictures need. `package_bytes`: of all
    files of the package, to be counted once with the artifacts `shared_with`, which are other functions of it."""

    card: Card
    range_used: dict[str, float]
    package_bytes: int
    shared_with: tuple[str, ...]


def package_cards(bundle: Path, prefix: str) -> dict[str, PackageCard]:
    """Artifact id -> what is known of its package.

    Raises InputError when the bundle has no Core ML package of such a name, or a file of it was changed.
    """
    manifest = read_manifest(bundle)
    packages = [artifact for artifact in manifest.artifacts if artifact.backend == ENGINE.name]
    if not packages:
        others = ", ".join(dict.fromkeys(artifact.backend for artifact in manifest.artifacts)) or "no artifacts"
        raise InputError(f"'{bundle}' holds no Core ML package (it has {others}): export it with --to {ENGINE.name}")
    chosen = [artifact for artifact in packages if artifact.id.startswith(prefix)]
    if not chosen:
        raise unknown("Core ML artifact", prefix, [artifact.id for artifact in packages])
    return {artifact.id: _package(bundle, manifest, artifact) for artifact in chosen}


def _package(bundle: Path, manifest: Manifest, artifact: Artifact) -> PackageCard:
    counted = card(read_package(bundle, artifact)[0])
    size = stored_bytes(bundle, artifact.files)
    others = tuple(a.id for a in manifest.artifacts if a.path == artifact.path and a.id != artifact.id)
    return PackageCard(counted, _ranges(bundle, manifest, artifact), size, others)


def _ranges(bundle: Path, manifest: Manifest, artifact: Artifact) -> dict[str, float]:
    """Of one tile from the middle of each picture; smaller pictures are repeated."""
    ranges = Ranges()
    runner = MilRunner(bundle, artifact, manifest.scale)
    runner.observe = ranges
    with runner as run:
        for entry in manifest.reference.entries:
            verify(bundle, {entry.lr: manifest.reference.files[entry.lr]})
            picture = to_nchw(read_rgb8(bundle / entry.lr))
            run.infer(middle_tile(picture, artifact.tile))
    return ranges.used


def describe(name: str, package: PackageCard) -> list[str]:
    """A card in lines for the terminal."""
    found, used = package.card, package.range_used
    off = [f"  leaves the engine: {count} for {reason}" for reason, count in found.off_engine.items()]
    ranks = ", ".join(f"{count} of rank {rank}" for rank, count in sorted(found.ranks.items()))
    worst = sorted(used.items(), key=lambda item: -item[1])
    shared = f", one package with {', '.join(package.shared_with)}" if package.shared_with else ""
    return [
        f"{name}: {package.package_bytes / 1e6:.2f} MB{shared}",
        f"  {found.operators} operators; results: {ranks}",
        *(off or ["  leaves the engine: nothing that is known to"]),
        f"  last axis not a multiple of 64 bytes: {found.padded} results, x{found.padding:.2f} memory for padding",
        f"  largest result: {found.largest[0]}, {found.largest[1] / 1e6:.1f} MB; moved by one tile: "
        f"{found.moved_bytes / 1e6:.0f} MB; weights: {found.weight_bytes / 1e6:.2f} MB",
        "  fp16 range used: " + ", ".join(f"{block} {100 * share:.3g} %" for block, share in worst),
    ]
