"""The one table of what can be exported: backend x precision x what it needs.

The command's choices, `dlgsanet formats`, the README's table and the tests all come from `TARGETS`.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from dlgsanet.errors import InputError, unknown

UNFOLD = "unfold"  # the naive form, for comparison
LOWERINGS = ("basis", "basis-fused", "basis-grouped", "shift", "rows", "channels-last", UNFOLD)
"""Forms of the dynamic convolution, see export.rewriting.lowerings."""

DEFAULT_TILE = (128, 128)  # LR pixels
OPSETS = (18, 19, 20, 21)  # ONNX operator sets that export.graph.build writes
DEFAULT_OPSET = 18
TENSORRT_OPSET = 19  # the newest that this project gives TensorRT, see runtimes.backends.tensorrt.lint.rules
COREML_OPSET = 20  # of the graph that Core ML packages are made from: it has Gelu as one operator
DEPLOYMENTS = ("iOS16", "iOS17", "iOS18")  # oldest systems: iOS17 is also macOS14, and so on
RTX_CAPABILITIES = ("sm86", "sm89", "sm120")  # GPUs that TensorRT-RTX engines are compiled for
DEFAULT_DEPLOYMENT = "iOS17"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `packages` are imported by the exporter, `extra` brings those that `[export]` lacks, as pip writes it; `hints` are
    settings that a runner must pin in the engine; `lowering` is the default form of the dynamic convolution;
    `half_safe` chooses the rewriting that keeps every intermediate value within fp16, and `without` names passes
    that are left out since they make this row's graphs slower (docs/studies/lowerings.md) or have no form there; with
    `fp32_ends` the first and the last convolution compute in fp32 (export/quantization/layers.py).
    """

    backend: str
    precision: str
    extra: str
    packages: tuple[str, ...]
    hints: tuple[tuple[str, str], ...]
    lowering: str
    files: str
    note: str
    half_safe: bool = False
    without: tuple[str, ...] = ()
    fp32_ends: bool = False

    @property
    def name(self) -> str:
        """`<backend>-<precision>`, what `--to` accepts."""
        return f"{self.backend}-{self.precision}"

    @property
    def extras(self) -> str:
        """The extras that exporting takes, as pip writes them: `export,openvino`."""
        return ",".join(dict.fromkeys(("export", self.extra)))

    @property
    def calibrated(self) -> bool:
        """Whether ranges are learnt from pictures: such a row is exported only when it is asked for."""
        return self.precision in ("int8", "int8-mixed")

    @property
    def on_request(self) -> bool:
        """Whether it is exported only when it is named: what is calibrated, tables, slow to make and coarse, and small
        weights but Core ML's, which apps ship."""
        small = self.precision == "int8w" and self.backend != "coreml"
        return self.calibrated or small or self.precision.startswith("pal")

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that this Python lacks."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)


TARGETS: tuple[Row, ...] = (
    Row(
        "onnxruntime", "fp32", "export", ("onnx",), (), "basis", ".onnx",
        "ONNX; runs in ONNX Runtime on any of its execution providers",
    ),
    Row(
        "onnxruntime", "int8w", "export", ("onnx",), (), "basis", ".onnx",
        "weights stored in int8, those of the first and the last convolution in fp16; computes in fp32; "
        "opt-in",
    ),
    Row(
        "onnxruntime", "int8", "export", ("onnx", "onnxruntime"), (), "basis", ".onnx",
        "dense convolutions in INT8 (Q/DQ, calibrated), everything else in fp32; opt-in",
    ),
    Row(
        "openvino", "fp32", "openvino", ("onnx", "openvino"),
        (("INFERENCE_PRECISION_HINT", "f32"),), "basis", ".xml + .bin",
        "OpenVINO IR; without the pinned hint newer CPUs would compute in bf16",
    ),
    Row(
        "openvino", "bf16", "openvino", ("onnx", "openvino"),
        (("INFERENCE_PRECISION_HINT", "bf16"),), "basis", ".xml + .bin",
        "the weights stay fp32 in the file; the engine computes in bf16 where the CPU can, but for the first and the "
        "last convolution",
        fp32_ends=True,
    ),
    Row(
        "openvino", "fp16", "openvino", ("onnx", "openvino"),
        (("INFERENCE_PRECISION_HINT", "f16"),), "basis", ".xml + .bin",
        "weights stored in fp16 (half the size); computes in fp16 where the device can",
    ),
    Row(
        "openvino", "int8w", "openvino,quantize", ("onnx", "openvino", "nncf"),
        (("INFERENCE_PRECISION_HINT", "f32"),), "basis", ".xml + .bin",
        "weights stored in int8, those of the first and the last convolution in fp16 (a third of the size); computes "
        "in fp32; opt-in",
    ),
    Row(
        "openvino", "int8", "openvino,quantize", ("onnx", "openvino", "nncf"),
        (("INFERENCE_PRECISION_HINT", "f32"),), "basis", ".xml + .bin",
        "dense convolutions in INT8 (NNCF, calibrated), everything else in fp32; opt-in",
    ),
    Row(
        "openvino", "int8-mixed", "openvino,quantize", ("onnx", "openvino", "nncf"),
        (("INFERENCE_PRECISION_HINT", "bf16"),), "basis", ".xml + .bin",
        "dense convolutions in INT8 (NNCF, calibrated), everything else in bf16 but for the first and the last "
        "convolution; opt-in",
        fp32_ends=True,
    ),
    *(
        Row(
            "coreml", precision, "coreml,quantize" if precision.startswith("pal") else "coreml",
            ("onnx", "coremltools", *(("sklearn",) if precision.startswith("pal") else ())),
            (), "basis", ".mlpackage", note,
            half_safe=True,
        )
        for precision, note in (
            ("fp32", "ML Program in fp32: CPU and GPU only, the Neural Engine has no fp32"),
            ("fp16", "ML Program in fp16, for the Neural Engine"),
            ("int8w", "fp16; weights in int8 but for the first and the last convolution, one scale for each channel"),
            ("pal8", "fp16 with weights from tables of 256 values; opt-in"),
            ("pal6", "fp16 with weights from tables of 64 values; opt-in, judged by --max-drop"),
            ("pal4", "fp16 with weights from tables of 16 values; opt-in, judged by --max-drop"),
        )
    ),
    Row(
        "coreml", "int8", "coreml", ("onnx", "onnxruntime", "coremltools"), (), "basis", ".mlpackage",
        "dense convolutions in INT8 (ranges from ONNX Runtime's calibration), the rest in fp16; opt-in",
        half_safe=True,
    ),
    *(
        Row(
            "tensorrt", precision, "export", ("onnx", "onnxruntime"), (), "basis-fused", ".onnx", note,
            without=("split-qkv", "split-gdfn", "turn-stream"),
        )
        for precision, note in (
            ("fp32", "typed ONNX that `dlgsanet build` makes an engine of, on the device that will run it"),
            ("fp16", "the same in fp16, with the sums of norms in fp32"),
            ("int8", "the same with dense convolutions in INT8 (Q/DQ, calibrated), in two forms of scales; opt-in"),
        )
    ),
    *(
        Row(
            "tensorrt-rtx", precision, "tensorrt-rtx", ("onnx", "onnxruntime", "tensorrt_rtx"), (), "basis-fused",
            ".engine", f"engines of tensorrt-{precision}, compiled here without a GPU: one each for "
            f"{', '.join(RTX_CAPABILITIES)}{more}", without=("split-qkv", "split-gdfn", "turn-stream"),
        )
        for precision, more in (("fp32", ""), ("fp16", ""), ("int8", "; opt-in"))
    ),
)  # fmt: skip

REFUSED = {
    ("coreml", "bf16"): "Core ML computes in fp32 or fp16 only; use coreml-fp16",
    (
        "tensorrt",
        "bf16",
    ): "ONNX has bf16 convolutions from operator set 22 on, which TensorRT 10 does not read; use tensorrt-fp16",
    ("onnxruntime", "bf16"): "ONNX Runtime has no bf16 convolution on CPUs; use openvino-bf16",
    ("onnxruntime", "fp16"): "ONNX Runtime computes fp16 as casts around fp32 on CPUs; use openvino-fp16",
}


@dataclass(frozen=True)
class Target:
    """What to export for: one row of the table, a fixed tile (H, W) in LR pixels and an ONNX operator set.

    For TensorRT-RTX: `sm`, the compute capability to compile for. For Core ML: `image` takes and gives 8-bit
    pictures in place of arrays, `deployment` is the oldest system.

    Raises InputError when it cannot be: an unknown backend or precision, a pair that does not go together
    (with the reason), a tile that is not positive, an operator set that is not written.
    """

    backend: str
    precision: str
    tile: tuple[int, int] = DEFAULT_TILE
    opset: int = DEFAULT_OPSET
    image: bool = False
    deployment: str = DEFAULT_DEPLOYMENT
    sm: str | None = None

    def __post_init__(self) -> None:
        row_of(self.backend, self.precision)
        if len(self.tile) != 2 or min(self.tile) < 1:
            found = "x".join(str(side) for side in self.tile)
            raise InputError(f"expected a tile of at least 1x1 LR pixels, found {found}: give --tile 128 or 128x96")
        if self.opset not in OPSETS:
            raise InputError(
                f"expected an ONNX operator set from {OPSETS[0]} to {OPSETS[-1]}, found {self.opset}: choose one"
            )
        if self.backend.startswith("tensorrt") and self.opset > TENSORRT_OPSET:
            raise InputError(
                f"expected an ONNX operator set up to {TENSORRT_OPSET} for TensorRT, found {self.opset}: give "
                f"{DEFAULT_OPSET} or {TENSORRT_OPSET}"
            )
        if self.deployment not in DEPLOYMENTS:
            raise unknown("deployment target", self.deployment, DEPLOYMENTS)
        if (self.backend, self.precision, self.deployment) == ("coreml", "int8", "iOS16"):
            raise InputError("coreml-int8 needs operators that iOS17 brought: give --deployment iOS17")

    @property
    def row(self) -> Row:
        """The line of the table that this target stands on."""
        return row_of(self.backend, self.precision)

    @property
    def variant(self) -> str | None:
        """What the artifact's id says beside backend and precision."""
        return "image" if self.image else self.sm

    @property
    def graph_opset(self) -> int:
        """The operator set of the ONNX graph that this target is made from."""
        return COREML_OPSET if self.backend == "coreml" else self.opset


def row_of(backend: str, precision: str) -> Row:
    """The row of a pair; InputError with the reason, or with the nearest name, when there is none."""
    for row in TARGETS:
        if (row.backend, row.precision) == (backend, precision):
            return row
    if (backend, precision) in REFUSED:
        raise InputError(f"cannot export {backend}-{precision}: {REFUSED[backend, precision]}")
    if backend not in backends():
        raise unknown("backend", backend, backends())
    if precision not in precisions():
        raise unknown("precision", precision, precisions())
    known = ", ".join(row.precision for row in TARGETS if row.backend == backend)
    raise InputError(f"{backend} has no {precision} form here; it has {known}")


def backends() -> tuple[str, ...]:
    """Backends of the table, in its order."""
    return tuple(dict.fromkeys(row.backend for row in TARGETS))


def precisions() -> tuple[str, ...]:
    """Precisions of the table, in its order."""
    return tuple(dict.fromkeys(row.precision for row in TARGETS))
