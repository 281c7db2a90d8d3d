"""Files of other networks to time beside ours: `python -m benchmarks.studies.peer_export MODEL -o FOLDER --python
PEERS_PYTHON`.

FOLDER then holds SwinIR-light, converted by the straight path in an environment of its own (extra `peers`), and the
naive export of the same MODEL (`--lowering unfold`), for `bench --peers FOLDER`. Weights are random where nobody ships
any: times do not depend on them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.subjects.peer_files import LIST, SCHEMA, PeerFile, PeerFolder
from dlgsanet.errors import BackendError, InputError
from dlgsanet.storage.atomic import new_directory, sha256_file
from dlgsanet.storage.typed_json import encode
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.tiling import Tile

SWINIR, NAIVE = "swinir-light", "naive"
HINT, HINTS = "INFERENCE_PRECISION_HINT", {"fp32": "f32", "bf16": "bf16"}
SCRIPT = Path(__file__).parent / "peer_networks.py"


def _swinir(folder: Path, python: str, tile: Tile) -> list[PeerFile]:
    stem = f"{SWINIR}-{tile[0]}x{tile[1]}"
    graph = folder / f"{stem}.onnx"
    _run([python, str(SCRIPT), SWINIR, str(graph), str(tile[0]), str(tile[1])], "the peers' environment")
    facts = json.loads(graph.with_suffix(".json").read_text(encoding="utf-8"))
    tools = ", ".join(f"{name} {number}" for name, number in facts["tools"].items())
    note = f"SwinIR-light x4, {facts['parameters']:,} parameters, random weights, torch.onnx.export ({tools})"
    xml = folder / f"{stem}.xml"
    _run(
        [
            sys.executable,
            "-m",
            "openvino.tools.ovc",
            str(graph),
            "--output_model",
            str(xml),
            "--compress_to_fp16=False",
        ],
        "OpenVINO's converter",
    )
    of_openvino = [xml, xml.with_suffix(".bin")]
    return [
        _file(folder, SWINIR, "onnxruntime", "fp32", tile, 4, [graph], note, {}),
        *(_file(folder, SWINIR, "openvino", p, tile, 4, of_openvino, note, {HINT: HINTS[p]}) for p in HINTS),
    ]


def _naive(folder: Path, model: str, tile: Tile) -> list[PeerFile]:
    bundle = folder / f"{NAIVE}-{tile[0]}x{tile[1]}"
    command = [sys.executable, "-m", "dlgsanet", "export", model, "-o", str(bundle), "--lowering", "unfold"]
    _run([*command, "--tile", f"{tile[0]}x{tile[1]}", "--to", "onnxruntime", "--to", "openvino"], "the naive export")
    manifest = read_manifest(bundle)
    return [
        _file(folder, NAIVE, it.backend, it.precision, tile, manifest.scale, [bundle / path for path in it.files],
              f"{manifest.name} exported with --lowering unfold", it.hints)
        for it in manifest.artifacts if it.precision != "fp16"
    ]  # fmt: skip


def _file(
    folder: Path,
    peer: str,
    backend: str,
    precision: str,
    tile: Tile,
    scale: int,
    files: Sequence[Path],
    note: str,
    hints: Mapping[str, str],
) -> PeerFile:
    hashes = {str(path.relative_to(folder)): sha256_file(path) for path in files}
    return PeerFile(peer, backend, precision, tile, scale, next(iter(hashes)), hashes, note, hints)


def _run(command: Sequence[str], what: str) -> None:
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise InputError(f"{what} cannot be started: {error.strerror}: {command[0]}; give --python") from error
    if done.returncode:
        raise BackendError(f"{what} failed ({done.returncode}); what it said stands above")


def main(
    model: Annotated[str, typer.Argument(help="Shipped name or checkpoint, for the naive export.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make.")],
    python: Annotated[str, typer.Option(help="Python of an environment with torch, onnx, onnxscript and spandrel.")],
    tile: Annotated[list[int] | None, typer.Option(help="Side of the tile in LR pixels; may be repeated.")] = None,
) -> None:
    """Convert the peers once; `bench --peers FOLDER` times them."""
    with new_directory(output, force=False, marker=LIST) as folder:
        files: list[PeerFile] = []
        for side in tile or [128]:
            files += [*_swinir(folder, python, (side, side)), *_naive(folder, model, (side, side))]
        (folder / LIST).write_text(encode(PeerFolder(SCHEMA, tuple(files))), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
