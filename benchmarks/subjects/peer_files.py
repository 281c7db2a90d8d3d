"""What artifacts are held against besides torch: `python -m benchmarks.subjects.peer_files MODEL -o FOLDER --python
PEERS_PYTHON`.

FOLDER then holds SwinIR-light, converted by the straight path in an environment of its own (extra `peers`), and
the naive export of the same MODEL (`--lowering unfold`), as files that `bench --peers FOLDER` times in the same
rounds as ours, on the same backends and precisions; a bare bicubic joins them. Weights are random where nobody
ships any: times do not depend on them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from benchmarks.subjects.subject import Contestant
from dlgsanet.errors import BackendError, InputError
from dlgsanet.storage.atomic import new_directory, sha256_file
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.typed_json import decode
from runtimes.backends.registry import backend_runner
from runtimes.bundle.manifest import Artifact, Port, read_manifest
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.tiling import Array, Tile

LIST = "peers.json"
REMAKE = "make the peers again"
SCHEMA = 1
SWINIR, NAIVE, BICUBIC = "swinir-light", "naive", "bicubic"
SCRIPT = Path(__file__).parents[1] / "studies" / "peer_networks.py"
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


@dataclass(frozen=True)
class PeerFile:
    """One peer for one backend, precision and tile (H, W): `files` path -> sha256, `path` the one to load."""

    peer: str
    backend: str
    precision: str
    tile: Tile
    scale: int
    path: str
    files: Mapping[str, str]
    note: str

    @property
    def name(self) -> str:
        """`swinir-light-openvino-fp32-128x128`."""
        return f"{self.peer}-{self.backend}-{self.precision}-{self.tile[0]}x{self.tile[1]}"


@dataclass(frozen=True)
class PeerFolder:
    """The content of LIST."""

    schema: int
    files: tuple[PeerFile, ...]


def contestants(folder: Path, tiles: Sequence[Tile], device: str, threads: int | None) -> list[Contestant]:
    """Every peer of these tiles, and a bicubic for each. Raises InputError for a folder that is not one of peers."""
    found = read_peers(folder)
    made = [
        Contestant(peer.name, peer.precision, peer.tile, partial(open_file, folder, peer, device, threads), peer.note)
        for peer in found.files
        if peer.tile in tiles
    ]
    if not made:
        known = ", ".join(sorted({f"{peer.tile[0]}x{peer.tile[1]}" for peer in found.files}))
        raise InputError(f"{folder} holds peers of {known}, none of the bundle's tiles: make them with --tile")
    scale = found.files[0].scale
    made += [Contestant(f"{BICUBIC}-{h}x{w}", "fp32", (h, w), partial(BicubicRunner, scale, (h, w))) for h, w in tiles]
    return made


def read_peers(folder: Path) -> PeerFolder:
    """The list of a folder that `main` made. Raises InputError."""
    place = folder / LIST
    try:
        data = place.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} is no folder of peers: make one with `python -m benchmarks.subjects.peer_files`"
        ) from error
    return decode(PeerFolder, parse(data, place.name, REMAKE), place.name, REMAKE)


def open_file(folder: Path, peer: PeerFile, device: str, threads: int | None) -> Runner:
    """A peer's file as a runner like ours; hashes are checked when it is entered."""
    (h, w), s = peer.tile, peer.scale
    artifact = Artifact(
        id=peer.name,
        backend=peer.backend,
        precision=peer.precision,
        variant=None,
        tile=peer.tile,
        path=peer.path,
        files=peer.files,
        input=Port("lr", "NCHW", "float32", (0.0, 1.0), (1, 3, h, w)),
        output=Port("sr", "NCHW", "float32", (0.0, 1.0), (1, 3, h * s, w * s)),
        lowering="none",
        rewrites=(),
        hints={"INFERENCE_PRECISION_HINT": HINTS[peer.precision]} if peer.backend == "openvino" else {},
        calibration_sha256=None,
        certificate={},
    )
    return backend_runner(folder, artifact, s, RunOptions(device, threads))


class BicubicRunner(Runner):
    """Pillow's bicubic on one thread, for scale: what upsampling costs without a network."""

    def __init__(self, scale: int, tile: Tile) -> None:
        super().__init__(scale, (tile,))

    def _open(self) -> RunInfo:
        name = f"{BICUBIC}-{self.tiles[0][0]}x{self.tiles[0][1]}"
        return RunInfo(name, "pillow", "CPU", "fp32", "fp32", 1, {"pillow": version("pillow")})

    def _infer(self, tile: Array) -> Array:
        size = (tile.shape[3] * self.scale, tile.shape[2] * self.scale)
        maps = [np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BICUBIC)) for channel in tile[0]]
        return np.stack(maps)[None]

    def _close(self) -> None:
        """Nothing was taken."""


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
    made = [_file(folder, SWINIR, "onnxruntime", "fp32", tile, 4, [graph], note)]
    weights = xml.with_suffix(".bin")
    made += [_file(folder, SWINIR, "openvino", p, tile, 4, [xml, weights], note) for p in ("fp32", "bf16")]
    return made


def _naive(folder: Path, model: str, tile: Tile) -> list[PeerFile]:
    bundle = folder / f"{NAIVE}-{tile[0]}x{tile[1]}"
    command = [sys.executable, "-m", "dlgsanet", "export", model, "-o", str(bundle), "--lowering", "unfold"]
    _run([*command, "--tile", f"{tile[0]}x{tile[1]}", "--to", "onnxruntime", "--to", "openvino"], "the naive export")
    manifest = read_manifest(bundle)
    return [
        _file(folder, NAIVE, it.backend, it.precision, tile, manifest.scale, [bundle / path for path in it.files],
              f"{manifest.name} exported with --lowering unfold")
        for it in manifest.artifacts if it.precision != "fp16"
    ]  # fmt: skip


def _file(
    folder: Path, peer: str, backend: str, precision: str, tile: Tile, scale: int, files: Sequence[Path], note: str
) -> PeerFile:
    hashes = {str(path.relative_to(folder)): sha256_file(path) for path in files}
    return PeerFile(peer, backend, precision, tile, scale, next(iter(hashes)), hashes, note)


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
        (folder / LIST).write_text(json.dumps(asdict(PeerFolder(SCHEMA, tuple(files))), indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
