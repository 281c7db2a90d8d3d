"""The verbs of this room: `demo`, `check`, `bench`, `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlgsanet.errors import UnavailableError

Bundle = Annotated[Path, typer.Argument(help="A bundle that `dlgsanet export` wrote.", show_default=False)]
Artifacts = Annotated[
    list[str] | None,
    typer.Option(
        "--artifact", metavar="PREFIX", help="Only artifacts whose names begin so; may be repeated.", show_default=False
    ),
]
Device = Annotated[str, typer.Option(help="CPU, GPU, NPU, or an ONNX Runtime execution provider.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores if not given.", show_default=False)]
Json = Annotated[Path | None, typer.Option("--json", help="Write a result file for `report`.", show_default=False)]
Machine = Annotated[str | None, typer.Option(help="What the report calls this machine; its processor if not given.")]


def register(app: typer.Typer) -> None:
    """Add this room's verbs."""
    app.command("demo")(demo)
    app.command("check")(check)
    app.command("bench")(bench)
    app.command("report")(report)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for everything.")] = Path("demo"),
) -> None:
    """Run the whole path on the shipped nano-x4: export, check, bench, report; a few minutes.

    The photographs come with scikit-image; nothing is downloaded.
    """
    from benchmarks.demo import run_demo

    run_demo(output)


def check(
    bundle: Bundle,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of HR images, or one with HR/ and LRbicx<scale>/.", show_default=False),
    ] = None,
    photographs: Annotated[
        bool, typer.Option("--photographs", help="Use the demo's photographs (scikit-image ships them).")
    ] = False,
    artifact: Artifacts = None,
    device: Device = "CPU",
    threads: Threads = None,
    max_drop: Annotated[
        float | None, typer.Option(help="A limit of your own for the mean drop, in dB.", show_default=False)
    ] = None,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="Also print what each step costs, from torch to the last artifact.")
    ] = False,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="Also print the error of every block inside the network; needs torch.")
    ] = False,
    json: Json = None,
    machine: Machine = None,
    crops: Annotated[
        bool, typer.Option(help="Keep small crops in --json, for the report; not for images you may not pass on.")
    ] = True,
) -> None:
    """Judge every artifact: against the reference network and against HR.

    Without --data and --photographs it uses the parity pack inside the bundle. Exit code 1: a gate failed; 3:
    nothing could run here; 70: a backend crashed.
    """
    from benchmarks.accuracy.plan import CheckOptions
    from benchmarks.run_check import run_check

    options = CheckOptions(
        bundle=bundle,
        data=data,
        photographs=photographs,
        artifacts=tuple(artifact or ()),
        device=device,
        threads=threads,
        max_drop_db=max_drop,
        json=json,
        machine=machine,
        crops=crops,
        ladder=ladder,
        blocks=blocks,
    )
    run_check(options)


def bench(
    bundle: Bundle,
    artifact: Artifacts = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Also time the same network in torch: `official` (dynamic convolution through F.unfold) or "
            "`reference` (ours); may be repeated.",
            show_default=False,
        ),
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option(
            help="Also time the networks in this folder of `python -m benchmarks.studies.peer_export`.",
            show_default=False,
        ),
    ] = None,
    limits: Annotated[
        bool,
        typer.Option("--limits", help="Also measure the CPU's products and copies: shares of the roofline."),
    ] = False,
    cuda_graph: Annotated[
        bool, typer.Option("--cuda-graph", help="TensorRT: launch an engine's kernels as one graph.")
    ] = False,
    device: Device = "CPU",
    threads: Threads = None,
    runs: Annotated[int, typer.Option(min=5, help="Rounds; each runs everything once.")] = 30,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="A speed gate such as 'openvino-bf16<0.87*torch-official', judged by the 95 % interval; may be "
            "repeated.",
            show_default=False,
        ),
    ] = None,
    json: Json = None,
    machine: Machine = None,
) -> None:
    """Time one tile of every artifact, in interleaved rounds.

    Exit code 4: a --require is not shown to hold; 3: something asked for by name could not run here.
    """
    from benchmarks.latency.plan import BenchOptions
    from benchmarks.run_bench import run_bench

    options = BenchOptions(
        bundle=bundle,
        artifacts=tuple(artifact or ()),
        peers=tuple(peer or ()),
        peer_folder=peers,
        limits=limits,
        cuda_graph=cuda_graph,
        device=device,
        threads=threads,
        runs=runs,
        require=tuple(require or ()),
        json=json,
        machine=machine,
    )
    run_bench(options)


def report(
    results: Annotated[list[Path], typer.Argument(help="Files of `check --json` and `bench --json`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write.")],
) -> None:
    """Make one self-contained page of one or many machines' results; measures nothing."""
    try:
        from benchmarks.report.page import write_report
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f'report needs the package {error.name}, found none: pip install "dlgsanet-edge[report]"'
        ) from error

    write_report(results, output)
    typer.echo(f"report: {output}")
