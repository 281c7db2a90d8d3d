"""`tensorrt/README.md` of a bundle: how to build its engines by hand, version by version, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from runtimes.bundle.manifest import Artifact
from runtimes.file_formats.markdown import markdown_table

WORKSPACE_MB = 1024  # tiny x4 at 128x128 needs 50 to 80 MB of activations


@dataclass(frozen=True)
class Release:
    """A TensorRT release: what trtexec needs to be told there, and what is to be known."""

    versions: str
    flags: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class JetPack:
    """What a JetPack has: TensorRT / CUDA, boards and the compute capability (SM) of their GPUs."""

    jetpack: str
    tensorrt: str
    boards: str


RELEASES = (
    Release(
        "10.3 (JetPack 6)", ("--stronglyTyped",),
        "Without `--stronglyTyped` the types in the file are taken as hints. The weak mode (`--fp16`, and `--int8` for "
        "the Q/DQ files, in its place) is for the case that a strongly typed build fails; name it beside every figure.",
    ),
    Release(
        "10.13 and 10.16 (JetPack 7.0 to 7.2.1)", ("--stronglyTyped",),
        "Weak typing is deprecated from 10.12 on. 10.16.2 on Orin fails on fp16 scales (NVIDIA/TensorRT#4832): build "
        "the file with fp32 scales.",
    ),
    Release(
        "11.x", (),
        "Strong typing is the only mode. Removed: `--fp16`, `--bf16`, `--int8`, `--fp8`, `--int4`, `--best`, "
        "`--calib`, calibrators, per-layer precision. `--stronglyTyped` is accepted and does nothing.",
    ),
)  # fmt: skip

JETPACKS = (
    JetPack("6.1 to 6.2.2", "10.3.0 / 12.6", "Orin Nano, Orin NX, AGX Orin (SM87)"),
    JetPack("7.0, 7.1", "10.13 / 13.0", "Thor (SM110)"),
    JetPack("7.2, 7.2.1", "10.16.2 / 13.2", "Thor (SM110), Orin (SM87)"),
    JetPack("7.2.2 and later", "11.4.1, installable", "AGX Orin (SM87), Thor (SM110)"),
)


def recipe(model: str, artifacts: Sequence[Artifact]) -> str:
    """The page, as Markdown; `artifacts`: those for TensorRT, at least one."""
    sections = [
        f"# TensorRT engines of {model}",
        "`dlgsanet build BUNDLE`, on the device that will run them, builds the engines and records what it built. By "
        "hand: run the lines below there, in the bundle's folder. An engine serves only "
        "the TensorRT version and GPU that built it. Nothing here has been run on NVIDIA hardware by the project: "
        "numbers were judged on a CPU (`tensorrt-reference`), and engines of the same graphs were built for SM86, "
        "SM89 and SM120 by TensorRT-RTX.",
        "Precision lies in the files. Input `lr` and output `sr` are fp32, NCHW RGB with 0 black and 1 white, in every "
        "precision. `--noTF32` keeps fp32 what it says.",
        *(_release(release, artifacts) for release in RELEASES),
        "## Which JetPack has what",
        markdown_table(
            ("JetPack", "TensorRT / CUDA", "boards"), [(it.jetpack, it.tensorrt, it.boards) for it in JETPACKS]
        ),
        "DLA is not for this network: LayerNorm, products of activations, GELU and DepthToSpace leave it.",
        "## Head-room of fp16",
        "Largest value on a photograph as a share of fp16's 65504, by block (`g0b1` is block 1 of group 0). Sums of "
        "squares, and `q k^T` before its norms are taken out, are computed in fp32 and not in this table.",
        _head_room(artifacts),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def trtexec(release: Release, path: str) -> str:
    """One command: parse, build, save, and list the layers; `path` is relative to the bundle."""
    stem = path.removesuffix(".onnx")
    words = (
        "trtexec", f"--onnx={path}", f"--saveEngine={stem}.engine", *release.flags, "--noTF32",
        f"--memPoolSize=workspace:{WORKSPACE_MB}", "--profilingVerbosity=detailed",
        f"--exportLayerInfo={stem}.layers.json", "--skipInference",
    )  # fmt: skip
    return " ".join(words)


def _release(release: Release, artifacts: Sequence[Artifact]) -> str:
    lines = [trtexec(release, path) for artifact in artifacts for path in _in_order(artifact)]
    return f"## TensorRT {release.versions}\n\n{release.note}\n\n```\n" + "\n".join(lines) + "\n```"


def _in_order(artifact: Artifact) -> list[str]:
    """Its ONNX files, the one to try first in front."""
    others = sorted(path for path in artifact.files if path != artifact.path and PurePosixPath(path).suffix == ".onnx")
    return [artifact.path, *others]


def _head_room(artifacts: Sequence[Artifact]) -> str:
    measured = {it.id: it.graph.fp16_range_used for it in artifacts if it.graph.fp16_range_used is not None}
    if not measured:
        return "No artifact here computes in fp16."
    blocks = list(dict.fromkeys(block for used in measured.values() for block in used))
    rows = [
        (block, *(f"{100 * used[block]:.3g} %" if block in used else "" for used in measured.values()))
        for block in blocks
    ]
    return markdown_table(("block", *measured), rows)
