"""What is killed: small runs of every verb that writes, what they share, and how their outputs are read."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.fuzz.seeds import ROOT

Outputs = Mapping[str, str]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # more would spin and wait for each other
HERE = {"PYTHONPATH": str(ROOT)}
TOML = """[model]
variant = "nano"
scale = 4
[data]
train = "{photos}"
validation = ""
patch = 8
batch = 1
candidates = 1
[schedule]
steps = 4
warmup = 1
[run]
log_every = 1
save_every = 1
threads = 1
device = "cpu"
kernels = "plain"
"""


@dataclass(frozen=True)
class KilledVerb:
    """`words` hold {shared} and {out}. `read` gives a digest of each output that is there, and raises for one that is
    not whole. `replaces`: an older output may stand in the place, and must at every moment. `keeps`: what it says when
    it goes on with finished work."""

    name: str
    words: tuple[str, ...]
    read: Callable[[Path], Outputs]
    replaces: bool = True
    keeps: str | None = None

    def command(self, shared: Path, out: Path) -> list[str]:
        """The words of the process."""
        filled = [word.format(shared=shared, out=out) for word in self.words]
        return [sys.executable, "-m", "dlgsanet", *filled, "-v"]


def make_shared(shared: Path) -> None:
    """A network, its bundle, a result of it, pictures, a clip and a configuration."""
    import torch

    from dlgsanet.checkpoints import save_checkpoint
    from dlgsanet.imaging.files import write_picture
    from dlgsanet.network.config import ModelConfig
    from dlgsanet.network.model import DLGSANet
    from runtimes.upscale.video.plan import SEGMENT_FRAMES

    torch.manual_seed(0)
    save_checkpoint(shared / "network.safetensors", DLGSANet(ModelConfig(12, 1, 1, 4)), {})
    draw = np.random.default_rng(0)
    for index in range(3):
        write_picture(shared / "photos" / f"{index}.png", draw.random((40, 52, 3)))
    (shared / "run.toml").write_text(TOML.format(photos=shared / "photos"))
    for place in ("", "depth", "depth/more"):
        for index in range(3):
            write_picture(shared / "folder" / place / f"{index}.png", draw.random((40, 52, 3)))
    _clip(shared / "clip.mkv", 10)
    _clip(shared / "film.mkv", 3 * SEGMENT_FRAMES - 20)
    for words in (
        ("export", "network.safetensors", "--tile", "24", "--to", "onnxruntime-fp32", "-o", "bundle"),
        ("check", "bundle", "--below-bicubic", "--json", "result.json"),
    ):
        command = [sys.executable, "-m", "dlgsanet", *words]
        subprocess.run(command, cwd=shared, env={**os.environ, **ONE_THREAD, **HERE}, check=True, capture_output=True)


def _clip(path: Path, frames: int) -> None:
    import av

    draw = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"  # type: ignore[union-attr]
        for _ in range(frames):
            picture = draw.integers(0, 256, (24, 32, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))  # type: ignore[union-attr]
        container.mux(stream.encode())  # type: ignore[union-attr]


def files(out: Path) -> Outputs:
    """Files whose bytes follow from the inputs."""
    seen = (path for path in sorted(out.rglob("*")) if path.is_file() and not _hidden(path, out))
    return {path.relative_to(out).as_posix(): _digest(path.read_bytes()) for path in seen}


def bundle(out: Path) -> Outputs:
    """Whole by what `dlgsanet verify` asks; the manifest and the card hold times."""
    from runtimes.bundle.whole import verify_whole

    if not (out / "bundle").exists():
        return {}
    verify_whole(out / "bundle")
    dated = ("bundle/manifest.json", "bundle/README.md")
    return {name: "dated" if name in dated else digest for name, digest in files(out).items()}


def result(out: Path) -> Outputs:
    """The accuracies of a readable result."""
    from benchmarks.records.accuracy import AccuracyRecord
    from benchmarks.records.result_file import read_result

    if not (out / "result.json").exists():
        return {}
    records = read_result(out / "result.json").records
    return {"result.json": _digest(repr([each for each in records if isinstance(each, AccuracyRecord)]).encode())}


def video(out: Path) -> Outputs:
    """Every frame and its time: the container's own marks are drawn anew each time."""
    import av

    if not (out / "large.mkv").exists():
        return {}
    with av.open(str(out / "large.mkv")) as container:
        frames = [(each.pts, _digest(each.to_ndarray().tobytes())) for each in container.decode(video=0)]
    return {"large.mkv": _digest(repr(frames).encode())}


def training(out: Path) -> Outputs:
    """Weights of the end, and losses; the state only has to be readable, and lines of the log whole."""
    import torch
    from safetensors.numpy import load_file

    found = {}
    if (out / "last.pt").exists():
        torch.load(out / "last.pt", weights_only=True)
        found["last.pt"] = "readable"
    if (out / "final.safetensors").exists():
        tensors = load_file(out / "final.safetensors")
        content = [(name, tensors[name].tobytes()) for name in sorted(tensors)]
        found["final.safetensors"] = _digest(repr(content).encode())
        records = map(json.loads, (out / "log.jsonl").read_text().splitlines())
        found["log.jsonl"] = repr([each["loss"] for each in records if "loss" in each])
    return found


def _hidden(path: Path, out: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(out).parts)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _export(name: str, *words: str) -> KilledVerb:
    start = ("export", "{shared}/network.safetensors", "--tile", "24", "--force", "-o", "{out}/bundle")
    return KilledVerb(name, (*start, "--to", *words), bundle)


_BUNDLE = ("--bundle", "{shared}/bundle", "--threads", "1")
_UPSCALE = (*_BUNDLE, "--force")
VERBS = {
    verb.name: verb
    for verb in (
        _export("export", "onnxruntime-fp32"),
        _export("export onnxruntime-int8", "onnxruntime-int8", "--calibration-tiles", "2"),
        _export("export openvino-int8", "openvino-int8", "--calibration-tiles", "2"),
        KilledVerb("upscale pictures", ("upscale", "{shared}/photos", "-o", "{out}", *_UPSCALE), files),
        KilledVerb(
            "upscale video",
            ("upscale", "{shared}/clip.mkv", "-o", "{out}/large.mkv", "--codec", "ffv1", *_UPSCALE),
            video,
        ),
        KilledVerb(
            "upscale folder", ("upscale", "{shared}/folder", "-o", "{out}", *_BUNDLE, "--skip-existing"), files, False,
            "are there already and are kept",
        ),
        KilledVerb(
            "upscale film",
            ("upscale", "{shared}/film.mkv", "-o", "{out}/large.mkv", "--codec", "ffv1", *_UPSCALE),
            video, False, "going on after",
        ),
        KilledVerb("train", ("train", "{shared}/run.toml", "-o", "{out}", "--cache", "{out}/cache"), training, False),
        KilledVerb("report", ("report", "{shared}/result.json", "-o", "{out}/page.html", "--force"), files),
        KilledVerb(
            "check", ("check", "{shared}/bundle", "--below-bicubic", "--json", "{out}/result.json", "--threads", "1"),
            result,
        ),
    )
}  # fmt: skip
