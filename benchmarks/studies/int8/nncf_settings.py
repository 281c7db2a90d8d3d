"""What other settings of NNCF do to `openvino-int8`: `python -m benchmarks.studies.int8.nncf_settings nano-x4 IMAGES -o
FILE`.

Each trial quantizes the default layers of the fp32 graph on the default calibration tiles. It is judged on whole images
(tiled) against that graph and HR. The table in docs/studies/precision.md is made of the committed results.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.records.study_file import StudyFile, write_study
from benchmarks.studies import run_study
from dlgsanet.checkpoints import load_model
from dlgsanet.imaging.files import list_images, read_rgb8
from dlgsanet.imaging.pixels import to_hwc, to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from dlgsanet.metrics import psnr, psnr_float
from export.backends.openvino.quantize import convolutions, dense_by_name, other_types
from export.backends.registry import timed_tools
from export.machine.candidate_runner import trial_runner
from export.machine.fingerprint import fingerprint
from export.quantization.calibration_tiles import calibration_set
from export.quantization.layers import CONV, chosen_by_default, role
from export.quantization.options import CalibrationOptions
from export.targets.outputs import Written
from export.targets.table import Target, row_of
from export.tuning.lowering_trials import Variant, build_graph
from runtimes.file_formats.markdown import markdown_table
from runtimes.runner.contract import Runner

TILE = (128, 128)
USED = "as it is"


@dataclass(frozen=True)
class Trial:
    """`settings`: of NNCF's quantize, and `advanced` of its advanced parameters, both made when NNCF is there.
    `folded`: biases as plain constants, else NNCF finds none. `without`: a role of layers that stays in floats.
    `exact_weights`: only activations are quantized, which no rounding of weights can better."""

    settings: Callable[[Any], Mapping[str, Any]] = lambda nncf: {}
    advanced: Callable[[Any], Mapping[str, Any]] = lambda nncf: {"disable_bias_correction": True}
    folded: bool = False
    without: str = ""
    exact_weights: bool = False


@dataclass(frozen=True)
class TrialRow:
    """One trial: dB to the float graph (mean and worst picture), and dB lost to it against HR."""

    trial: str
    to_float_db: float
    to_float_worst_db: float
    drop_db: float
    drop_worst_db: float


@dataclass(frozen=True)
class NncfSettings(StudyFile):
    """The study's file; `machine` is what times and ranges depend on."""

    model: str
    images: str
    machine: Mapping[str, object]
    rows: tuple[TrialRow, ...]


def _smooth(alpha: float) -> Trial:
    return Trial(
        lambda nncf: {"model_type": nncf.ModelType.TRANSFORMER},  # else NNCF leaves its SmoothQuant out
        lambda nncf: {
            "disable_bias_correction": True,
            "smooth_quant_alphas": nncf.AdvancedSmoothQuantParameters(convolution=alpha, matmul=-1),
        },
    )


TRIALS: Mapping[str, Trial] = {
    USED: Trial(),
    "symmetric activations (preset PERFORMANCE)": Trial(lambda nncf: {"preset": nncf.QuantizationPreset.PERFORMANCE}),
    "ranges from the extremes of all tiles": Trial(
        advanced=lambda nncf: {
            "disable_bias_correction": True,
            "activations_range_estimator_params": nncf.quantization.range_estimator.RangeEstimatorParametersSet.MINMAX,
        }
    ),
    "fast bias correction": Trial(advanced=lambda nncf: {}, folded=True),
    "bias correction": Trial(lambda nncf: {"fast_bias_correction": False}, lambda nncf: {}, folded=True),
    "SmoothQuant, alpha 0.05": _smooth(0.05),
    "SmoothQuant, alpha 0.15": _smooth(0.15),
    "SmoothQuant, alpha 0.5": _smooth(0.5),
    "weights not rounded: the most that AdaRound or the like can give": Trial(exact_weights=True),
    "without `body`": Trial(without="body"),
}


def quantized(source: Path, tiles: NDArray[np.float32], trial: Trial) -> Any:
    """The OpenVINO model of an ONNX file with its default layers in INT8 as the trial says."""
    import nncf
    import openvino
    from openvino import passes

    logging.getLogger("nncf").setLevel(logging.ERROR)
    model = openvino.Core().read_model(source)
    if trial.folded:
        manager = passes.Manager()
        manager.register_pass(passes.ConstantFolding())
        manager.run_passes(model)
    chosen = [
        name
        for name in chosen_by_default(dense_by_name(model), rounded=False)
        if role(name.removesuffix(CONV)) != trial.without
    ]
    kept = [op.get_friendly_name() for name, op in convolutions(model) if name not in chosen]
    settings = {"preset": nncf.QuantizationPreset.MIXED, **trial.settings(nncf)}
    made = nncf.quantize(
        model,
        nncf.Dataset([tile[None] for tile in tiles]),
        subset_size=len(tiles),
        ignored_scope=nncf.IgnoredScope(names=kept, types=other_types(model), validate=False),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            # Else weights that no INT8 layer stands before get half the steps, for processors without VNNI.
            overflow_fix=nncf.OverflowFix.DISABLE,
            **trial.advanced(nncf),
        ),
        **settings,
    )
    if trial.exact_weights:
        exact, now = dict(convolutions(model)), dict(convolutions(made))
        for name in chosen:
            weights = np.array(exact[name].input(1).get_source_output().get_node().data)
            now[name].input(1).replace_source_output(openvino.opset13.constant(weights).output(0))
    return made


def judge(
    run: Runner, pictures: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]], exact: Runner
) -> list[tuple[float, float]]:
    """A row for each picture (LR, HR): dB to the answer of `exact`, and dB lost to it against HR."""
    rows = []
    for lr, hr in pictures:
        whole, found = exact(lr), run(lr)
        border = hr.shape[0] // lr.shape[2]
        lost = psnr(to_hwc(whole), hr, border=border) - psnr(to_hwc(found), hr, border=border)
        rows.append((psnr_float(found, whole), lost))
    return rows


def study(model: str, images: Path, say: Callable[[str], None] = lambda step: None) -> NncfSettings:
    """All trials of a checkpoint on a folder of HR images, for the result file."""
    import openvino

    network, target = load_model(model), Target("openvino", "int8", TILE)
    tiles = calibration_set(network.scale, TILE, CalibrationOptions()).tiles
    pictures = [_picture(path, network.scale) for path in list_images(str(images))]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = folder / "source.onnx"
        source.write_bytes(build_graph(network, target, Variant(model, target.row.lowering)).data)

        def opened(made: Any, name: str) -> AbstractContextManager[Runner]:
            openvino.save_model(made, folder / f"{name}.xml", compress_to_fp16=False)
            written = Written(f"{name}.xml", (f"{name}.xml", f"{name}.bin"))
            return trial_runner(
                folder, name, written, target, network.scale, hints=dict(row_of("openvino", "fp32").hints)
            )

        with opened(openvino.Core().read_model(source), "exact") as exact:
            for place, (name, trial) in enumerate(TRIALS.items()):
                say(f"trial {place + 1} of {len(TRIALS)}: {name}")
                with opened(quantized(source, tiles, trial), f"trial{place}") as run:
                    near, lost = zip(*judge(run, pictures, exact), strict=True)
                worst = float(max(lost, key=abs))
                rows.append(TrialRow(name, float(np.mean(near)), float(min(near)), float(np.mean(lost)), worst))
    return NncfSettings(model, images.parent.name, fingerprint(timed_tools()), tuple(rows))


def table(contents: Sequence[NncfSettings]) -> str:
    """A row for each trial, two columns for each result file."""
    head = [""]
    for it in contents:
        head += [f"{it.model}, {it.images}: dB to fp32, mean / worst", "drop, dB"]
    rows = []
    for name in (row.trial for row in contents[0].rows):
        cells = [name]
        for content in contents:
            row = next(it for it in content.rows if it.trial == name)
            cells += [f"{row.to_float_db:.1f} / {row.to_float_worst_db:.1f}"]
            cells += [f"{row.drop_db:.4f} / {row.drop_worst_db:.4f}"]
        rows.append(cells)
    return markdown_table(head, rows)


def _picture(path: Path, scale: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    hr = np.ascontiguousarray(crop_to_multiple(read_rgb8(path), scale)).astype(np.uint8, copy=False)
    return to_nchw(downscale_matlab8(hr, scale)), hr


def main(
    model: Annotated[str, typer.Argument(help="A shipped network, or a checkpoint.")],
    images: Annotated[Path, typer.Argument(help="Folder of HR images, as in Set5/HR.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
) -> None:
    """Try NNCF's settings one by one."""
    content = study(model, images, lambda step: typer.echo(step, err=True))
    write_study(output, content)
    typer.echo(table([content]))


if __name__ == "__main__":
    run_study(main)
