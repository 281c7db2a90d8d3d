"""ONNX -> OpenVINO IR, in a process of its own: a crash of the converter becomes one line, not the end of ours.

Run as `python -m export.backends.openvino.convert` it does a ConvertJob.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from export.backends.openvino.fp32_layers import keep_fp32
from export.machine.child_process import do_job, run_job

RT_INFO_KEY = "dlgsanet_edge"
MODEL_INFO = "model_info"  # where OpenVINO's own tools look
Weights = Literal["fp32", "fp16", "int8"]
STORED: Mapping[str, Weights] = {"fp16": "fp16", "int8w": "int8", "int8": "int8", "int8-mixed": "int8"}
"""Precision of an artifact -> what its weights are stored as, where that is not fp32."""


@dataclass(frozen=True)
class ConvertJob:
    """What the converter's process is asked, see `convert_openvino`."""

    onnx: str
    xml: str
    weights: Weights
    metadata: Mapping[str, str]
    facts: Mapping[str, str]
    calibrated: str | None
    layers: tuple[str, ...]
    fp32_layers: tuple[str, ...]


def convert_openvino(
    onnx_file: Path,
    xml: Path,
    *,
    weights: Weights = "fp32",
    metadata: Mapping[str, str],
    facts: Mapping[str, str] | None = None,
    calibrated: Path | None = None,
    layers: Sequence[str] = (),
    fp32_layers: Sequence[str] = (),
) -> None:
    """Convert `onnx_file` to `xml` and the .bin beside it, with `metadata` as rt_info under RT_INFO_KEY and
    `facts` under MODEL_INFO.

    `weights`: what they are stored as; those in int8 compute as before. `calibrated` is the same graph with ranges
    (export.quantization.calibrated_graph), of which `layers` become INT8. Convolutions whose names contain one of
    `fp32_layers` compute in fp32 in any engine. The same input gives the same bytes. Raises BackendError, with the last
    line the converter said, when it fails or crashes.
    """
    job = ConvertJob(
        onnx=str(onnx_file),
        xml=str(xml),
        weights=weights,
        metadata=metadata,
        facts=facts or {},
        calibrated=str(calibrated) if calibrated else None,
        layers=tuple(layers),
        fp32_layers=tuple(fp32_layers),
    )
    run_job("export.backends.openvino.convert", job, f"OpenVINO could not convert {xml.name}", xml.with_suffix(".bin"))


def _convert(job: ConvertJob) -> None:
    import openvino

    core = openvino.Core()
    model = core.read_model(job.onnx)
    if job.calibrated:
        from export.backends.openvino.quantize import with_layers

        model = with_layers(model, core.read_model(job.calibrated), job.layers)
    if job.weights == "int8":
        from export.backends.openvino.weights import store_int8

        model = store_int8(model)
    for key, value in job.metadata.items():
        model.set_rt_info(value, [RT_INFO_KEY, key])
    for key, value in job.facts.items():
        model.set_rt_info(value, [MODEL_INFO, key])
    openvino.save_model(model, job.xml, compress_to_fp16=job.weights == "fp16")
    if job.fp32_layers:
        keep_fp32(Path(job.xml), job.fp32_layers)


if __name__ == "__main__":
    do_job(ConvertJob, _convert)
