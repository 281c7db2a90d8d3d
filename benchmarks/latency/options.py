"""The options of `bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.subjects.options import Artifacts, Bundle, Device, Json, Machine, ServedName, Server, Threads

RUNS = 30
MIN_RUNS = 5
"""Fewer give no interval worth the name."""


@dataclass(frozen=True)
class BenchOptions:
    """What to time, against what, where; `artifacts` are beginnings of ids, none means all."""

    bundle: Bundle
    more: Annotated[
        tuple[Path, ...],
        typer.Argument(
            metavar="[BUNDLE]...",
            help="Further bundles of the same scale, in the same rounds, and scored on the same pictures.",
            show_default=False,
        ),
    ] = ()
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of HR images to score on, as of `check`; the photographs that come with the package if there "
            "are several bundles.",
            show_default=False,
        ),
    ] = None
    artifacts: Artifacts = ()
    peers: Annotated[
        tuple[str, ...],
        typer.Option(
            "--peer",
            metavar="NAME",
            help="Also time the same network without us, in torch: `official` (dynamic convolution through F.unfold), "
            "`reference` (ours), `official-compiled` or `reference-compiled` (by torch.compile); of a network of "
            "others `reference`, its own file in ONNX Runtime; may be repeated.",
            show_default=False,
        ),
    ] = ()
    peer_folder: Annotated[
        Path | None,
        typer.Option(
            "--peers",
            help="Also time the networks in this folder of `python -m benchmarks.studies.peers.export`.",
            show_default=False,
        ),
    ] = None
    limits: Annotated[
        bool,
        typer.Option("--limits", help="Also measure the CPU's products and copies: shares of the roofline."),
    ] = False
    cuda_graph: Annotated[
        bool, typer.Option("--cuda-graph", help="TensorRT: launch an engine's kernels as one graph.")
    ] = False
    device: Device = "CPU"
    threads: Threads = None
    server: Server = None
    served_name: ServedName = None
    runs: Annotated[int, typer.Option(min=MIN_RUNS, help="Rounds; each runs everything once.")] = RUNS
    require: Annotated[
        tuple[str, ...],
        typer.Option(
            metavar="RULE",
            help="A speed gate such as 'openvino-bf16<0.87*torch-official', judged by the 95 % interval; may be "
            "repeated.",
            show_default=False,
        ),
    ] = ()
    job: Annotated[
        Path | None,
        typer.Option(
            metavar="INPUT",
            help="Time a whole job of `upscale` in place of tiles: a picture, a folder or a video, by one artifact.",
            show_default=False,
        ),
    ] = None
    power_log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What powermetrics (a Mac) or tegrastats (a Jetson) writes meanwhile: energy is read from it.",
            show_default=False,
        ),
    ] = None
    json: Json = None
    machine: Machine = None

    def for_tiles(self) -> list[str]:
        """The options given that mean nothing for a whole job."""
        given = {
            "a second bundle": bool(self.more),
            "--data": self.data is not None,
            "--peer": bool(self.peers),
            "--peers": self.peer_folder is not None,
            "--limits": self.limits,
            "--cuda-graph": self.cuda_graph,
            "--runs": self.runs != RUNS,
            "--require": bool(self.require),
        }
        return [name for name, is_given in given.items() if is_given]

    def for_engines_here(self) -> list[str]:
        """The options given that mean nothing to a model server."""
        given = {
            "a second bundle": bool(self.more),
            "--device": self.device != "CPU",
            "--cuda-graph": self.cuda_graph,
            "--job": self.job is not None,
            "--power-log": self.power_log is not None,
        }
        return [name for name, is_given in given.items() if is_given]
