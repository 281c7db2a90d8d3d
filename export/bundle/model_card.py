"""The model card that a bundle carries: what is inside, where it came from, how to use it, what is proven."""

from __future__ import annotations

from collections.abc import Sequence

from dlgsanet.checkpoints.checkpoint import MODELSPEC
from dlgsanet.checkpoints.front_matter import CardFacts, front_matter, scores_in
from runtimes.bundle.foreign import Foreign
from runtimes.bundle.int8_choice import DefaultLayers
from runtimes.bundle.manifest import Artifact, Calibration, Manifest
from runtimes.file_formats.markdown import markdown_table


def model_card(manifest: Manifest) -> str:
    """README.md of a bundle, as Markdown."""
    config = manifest.source.config
    first = manifest.artifacts[0]
    sections = [
        f"# {manifest.name}: {_family(manifest)} x{manifest.scale} for edge hardware",
        "Super-resolution artifacts exported by dlgsanet-edge. `manifest.json` is the contract: names, shapes, "
        "hashes and the settings that a runner must pin.",
        "## Network",
        markdown_table(
            ("", ""),
            [
                ("file", f"`{manifest.source.name}`, sha256 `{manifest.source.sha256}`"),
                ("configuration", ", ".join(f"{key} {value}" for key, value in config.items())),
                *_pixels(manifest.source.foreign),
                *(it for it in sorted(manifest.source.metadata.items()) if not it[0].startswith(MODELSPEC)),
            ],
        ),
        "## Artifacts",
        markdown_table(
            ("artifact", "tile (H x W, LR pixels)", "dynamic convolution", "pinned settings", "largest error"),
            [_artifact_line(artifact) for artifact in manifest.artifacts],
        ),
        f"The error is that of the rewritten network against the untouched reference in {_arithmetic(manifest)}, "
        "relative to the output, over random, extreme and real inputs: it proves the rewriting. What a precision costs "
        "is measured on the device by `dlgsanet check`.",
        "Input `lr` and output `sr` are NCHW float32 RGB with 0 black and 1 white; the output is not clamped.",
        *_frames(manifest.artifacts),
        *_int8(manifest.artifacts),
        *_calibration(manifest.calibration),
        "## Use",
        "```\ndlgsanet check BUNDLE\ndlgsanet bench BUNDLE\ndlgsanet upscale PICTURE -o OUT --bundle BUNDLE\n```",
        "`upscale` times what can run on the machine, once, and takes the fastest that shows what it showed here; "
        f"`--artifact {first.id}` or another of the table takes that one.",
        "## Parity pack",
        "`reference/` holds the file and photographs with their LR and what the reference makes of them "
        f"tile by tile (overlap {manifest.reference.overlap} LR pixels), so that `check` works without torch.",
        markdown_table(
            ("photograph", "source", "terms"),
            [(entry.name, entry.source, entry.licence) for entry in manifest.reference.entries],
        ),
        "## Made with",
        ", ".join(f"{name} {number}" for name, number in manifest.tools.items()) + f"; {manifest.created}",
    ]
    return front_matter(_facts(manifest)) + "\n\n".join(sections) + "\n"


def _facts(manifest: Manifest) -> CardFacts:
    source = manifest.source
    licence = source.foreign.licence if source.foreign else source.metadata.get("licence", "")
    made_by = tuple(dict.fromkeys(artifact.backend for artifact in manifest.artifacts))
    return CardFacts(manifest.name, manifest.scale, licence, scores_in(source.metadata), ("super-resolution", *made_by))


def _family(manifest: Manifest) -> str:
    return f"a network from {manifest.source.foreign.family}" if manifest.source.foreign else "DLGSANet"


def _arithmetic(manifest: Manifest) -> str:
    """Of the certificates."""
    return " and ".join(sorted({it.certificate.arithmetic for it in manifest.artifacts if it.certificate})) or "float64"


def _pixels(foreign: Foreign | None) -> list[tuple[str, str]]:
    """How the file itself takes pictures; the artifacts have one form whatever that is."""
    if foreign is None:
        return []
    pixels = foreign.pixels
    size = f"{foreign.fixed[0]}x{foreign.fixed[1]} alone" if foreign.fixed else f"multiples of {foreign.multiple}"
    said = [("its own input", f"{pixels.said}, sides {size}")]
    return said + [(key, text) for key, text in (("licence", foreign.licence), ("tiling", foreign.tiling)) if text]


def _calibration(learnt: Calibration | None) -> list[str]:
    if learnt is None:
        return []
    found = [
        "## Calibration",
        f"INT8 ranges (at most {learnt.tiles} tiles, seed {learnt.seed}) or filter bases were learnt from "
        f"{len(learnt.images)} images, which `manifest.json` names. `check` refuses to evaluate on them.",
    ]
    if learnt.benchmarks:
        sets = " and ".join(learnt.benchmarks)
        found.append(f"**These are images of {sets}: figures of this bundle on {sets} are not held-out ones.**")
    return found


def _artifact_line(artifact: Artifact) -> tuple[str, ...]:
    hints = ", ".join(f"{key}={value}" for key, value in artifact.hints.items()) or "none"
    tile = f"{artifact.tile[0]} x {artifact.tile[1]}"
    name = f"`{artifact.id}`"
    if artifact.function is not None:
        name += f", function `{artifact.function}` of `{artifact.path}`"
    return (name, tile, artifact.lowering, hints, artifact.certificate.shown if artifact.certificate else "")


def _frames(artifacts: Sequence[Artifact]) -> list[str]:
    """What the tiles were chosen for, and what a frame costs in them."""
    lines = [
        (
            f"`{artifact.id}`",
            f"{frame.frame[1]} x {frame.frame[0]}",
            f"{frame.tiles}, sharing {frame.overlap} pixels" if frame.tiles > 1 else "1",
            f"{frame.computed:.2f}",
            "not timed" if frame.cost is None else f"{frame.cost:.2f}",
        )
        for artifact in artifacts
        for frame in artifact.frames
    ]
    head = ("artifact", "frame (width x height)", "tiles", "pixels computed", "time")
    told = "Per pixel of the frame; time against a pixel of one 128 x 128 tile, on the machine that exported."
    return ["## Frames", markdown_table(head, lines), told] if lines else []


def _int8(artifacts: Sequence[Artifact]) -> list[str]:
    """Which layers are INT8 and how they were chosen, with what the other choices would have been."""
    lines: list[tuple[str, ...]] = []
    for artifact in artifacts:
        found = artifact.choice.int8 if artifact.choice else None
        if found is None:
            continue
        if isinstance(found, DefaultLayers):
            count = f"{len(found.layers)} convolutions, {found.reason}"
            lines.append((f"`{artifact.id}`", "the default layers", count, "", ""))
            continue
        without = "" if found.float_ms is None else f"{found.float_ms:.2f}"
        lines.append((f"`{artifact.id}`", "none", "", without, ""))
        for each in found.candidates:
            name = f"{each.name} (taken)" if each.name == found.chosen else each.name
            drop = f"{each.drop_db:.4f} / {each.drop_worst_db:.4f}"
            lines.append(("", name, f"{each.layers} convolutions", f"{each.ms:.2f}", drop))
    head = ("artifact", "INT8 layers", "", "ms", "dB lost on calibration tiles, mirrored: mean / worst")
    return ["## INT8 layers", markdown_table(head, lines)] if lines else []
