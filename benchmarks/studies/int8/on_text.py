"""What drawn pages among the calibration tiles do to INT8 on text and elsewhere:
`python -m benchmarks.studies.int8.on_text nano-x4 openvino-int8 Set5/HR B100/HR -o FILE`.

Each share of pages is calibrated anew, with as many tiles, and judged on whole images (tiled) against the float graph
and HR: on the given folders, and on the pages of `benchmarks.subjects.text_pages`. With `--trunk-end` also with the
convolution behind all groups in INT8. The table in docs/studies/precision.md is made of the committed results.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from benchmarks.studies.int8.nncf_settings import judge
from benchmarks.subjects.text_pages import text_pages
from dlgsanet.checkpoints import load_model
from dlgsanet.imaging.files import list_images, read_rgb8
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from export.backends.registry import quantizer_of, timed_tools
from export.machine.fingerprint import fingerprint
from export.quantization.calibrated_graph import calibrate
from export.quantization.calibration_tiles import calibration_set
from export.quantization.layer_choice.sensitivity import CandidateOpener
from export.quantization.layers import is_trunk_end
from export.quantization.options import CalibrationOptions
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph
from runtimes.file_formats.markdown import markdown_table
from runtimes.runner.contract import Runner

TILE = (128, 128)
SHARES = (0.0, 0.25, 0.5)
PAGES = "drawn text, slides, chart"

Picture = tuple[str, NDArray[np.float32], NDArray[np.uint8]]  # name, LR, HR


@dataclass(frozen=True)
class ShareRow:
    """One share of pages among the calibration tiles, on one set of images: dB to the float graph (mean and worst
    picture), and dB lost to it against HR, with the picture that loses most. `trunk_end`: the convolution behind all
    groups is INT8, too."""

    share: float
    images: str
    count: int
    to_float_db: float
    to_float_worst_db: float
    drop_db: float
    drop_worst_db: float
    worst_image: str
    trunk_end: bool = False


@dataclass(frozen=True)
class Int8OnText(StudyFile):
    """The study's file; `machine` is what ranges depend on."""

    model: str
    target: str
    machine: Mapping[str, object]
    rows: tuple[ShareRow, ...]


def study(
    model: str,
    target: Target,
    sets: Mapping[str, Sequence[Picture]],
    shares: Sequence[float] = SHARES,
    say: Callable[[str], None] = lambda step: None,
    *,
    trunk_end: bool = False,
) -> Int8OnText:
    """Calibrate with each share of pages and judge the default layers on every set; `trunk_end`: then with the
    convolution behind all groups, too."""
    network = load_model(model)
    graph = build_graph(network, target, Variant(model, target.row.lowering))
    rows: list[ShareRow] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for share in shares:
            learnt = calibration_set(network.scale, target.tile, CalibrationOptions(pages=share))
            made = calibrate(folder / f"{share}", quantizer_of(target.backend), graph, learnt.tiles, say)
            opener = CandidateOpener(made.maker(), target, network.scale)
            rows += _rows(opener, share, sets, folder / f"made-{share}", (False, True) if trunk_end else (False,), say)
    return Int8OnText(model, target.row.name, fingerprint(timed_tools()), tuple(rows))


def _rows(
    opener: CandidateOpener,
    share: float,
    sets: Mapping[str, Sequence[Picture]],
    place: Path,
    choices: Sequence[bool],
    say: Callable[[str], None],
) -> list[ShareRow]:
    place.mkdir()
    rows = []
    for whole in choices:
        chosen = [*opener.maker.default, *(name for name in opener.maker.layers if whole and is_trunk_end(name))]
        with opener.open(place, (), exact=True) as exact, opener.open(place, chosen) as run:
            for name, pictures in sets.items():
                rows.append(_row(share, name, pictures, exact, run, whole))
                say(f"{_label(rows[-1])}, {name}: {_figures(rows[-1])}")
    return rows


def _row(share: float, name: str, pictures: Sequence[Picture], exact: Runner, run: Runner, trunk_end: bool) -> ShareRow:
    return ShareRow(share, name, len(pictures), *figures(run, pictures, exact), trunk_end)


def figures(run: Runner, pictures: Sequence[Picture], exact: Runner) -> tuple[float, float, float, float, str]:
    """dB to the float graph (mean and worst picture), and dB lost to it against HR, with the one that loses most."""
    near, lost = zip(*judge(run, [(lr, hr) for _, lr, hr in pictures], exact), strict=True)
    worst = int(np.abs(lost).argmax())
    return float(np.mean(near)), float(min(near)), float(np.mean(lost)), float(lost[worst]), pictures[worst][0]


def table(contents: Sequence[Int8OnText]) -> str:
    """A line for each share of pages of each network and target, a column for each set of images."""
    names = list(dict.fromkeys(row.images for content in contents for row in content.rows))
    head = ["dB lost, mean / worst image; dB to fp32, mean", "pages", *names]
    lines = []
    for content in contents:
        for label in dict.fromkeys(_label(row) for row in sorted(content.rows, key=lambda row: row.share)):
            found = {row.images: row for row in content.rows if _label(row) == label}
            cells = [_figures(found[name]) if name in found else "" for name in names]
            lines.append([f"{content.model} {content.target}", label, *cells])
    return markdown_table(head, lines)


def _label(row: ShareRow) -> str:
    return f"{row.share:.1%}{', trunk end in INT8' if row.trunk_end else ''}"


def _figures(row: ShareRow) -> str:
    return f"{row.drop_db:.4f} / {row.drop_worst_db:.4f}; {row.to_float_db:.1f}"


def pictures_of(folder: Path, scale: int, most: int | None = None) -> list[Picture]:
    """The first images of a folder."""
    return [_picture(path.stem, read_rgb8(path), scale) for path in list_images(str(folder))[:most]]


def pages(scale: int) -> list[Picture]:
    """The drawn pages."""
    return [_picture(name, page, scale) for name, page in text_pages().items()]


def _picture(name: str, image: NDArray[np.uint8], scale: int) -> Picture:
    hr = np.ascontiguousarray(crop_to_multiple(image, scale)).astype(np.uint8, copy=False)
    return name, to_nchw(downscale_matlab8(hr, scale)), hr


def main(
    model: Annotated[str, typer.Argument(help="A shipped network, or a checkpoint.")],
    target: Annotated[str, typer.Argument(help="An INT8 target, as openvino-int8.")],
    images: Annotated[list[Path], typer.Argument(help="Folders of HR images, as Set5/HR.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    most: Annotated[int, typer.Option(help="Images of each folder, the first ones by name.")] = 25,
    share: Annotated[list[float] | None, typer.Option(help="Shares of pages, 0 to 1.")] = None,
    trunk_end: Annotated[bool, typer.Option(help="Also with the convolution behind all groups in INT8.")] = False,
) -> None:
    """Calibrate with more and more pages."""
    scale = load_model(model).scale
    sets = {(it.parent if it.name == "HR" else it).name: pictures_of(it, scale, most) for it in images}
    sets[PAGES] = pages(scale)
    backend, _, precision = target.partition("-")
    asked = Target(backend, precision, TILE)
    content = study(
        model, asked, sets, tuple(share or SHARES), lambda step: typer.echo(step, err=True), trunk_end=trunk_end
    )
    write_study(output, content)
    typer.echo(table([content]))


if __name__ == "__main__":
    run_study(main)
