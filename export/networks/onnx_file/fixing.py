"""An ONNX file as a graph for one tile, by ordered exact passes: what is general is done by onnx, onnxscript and
onnx-ir, what is ours is the pixels' form and the names.

Runs as `python -m export.networks.onnx_file.fixing`, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from dlgsanet.errors import InputError
from dlgsanet.storage.typed_json import decode, to_json
from export.networks.onnx_file.convolutions import with_stated_convolutions
from export.networks.onnx_file.lowering import OLD_RULES, lowered
from export.networks.onnx_file.memory_need import require_modest
from export.networks.onnx_file.naming import named
from export.networks.onnx_file.pixels import with_picture_ports
from export.networks.onnx_file.reading import read_onnx
from runtimes.bundle.foreign import Foreign
from runtimes.machine.child import Job, ask, serve
from runtimes.machine.memory import limit_to_available


@dataclass(frozen=True)
class FixJob:
    """Make of `file` the graph for `tile` (LR pixels) at `scale`, in at least this operator set, and write it to
    `graph`, and what was applied to `report`."""

    file: str
    foreign: Foreign
    tile: tuple[int, int]
    scale: int
    opset: int
    graph: str


@dataclass(frozen=True)
class FixReport:
    """Names of the passes that changed something, in order, and of the others why they did not."""

    applied: tuple[str, ...]
    refused: Mapping[str, str]


def fixed(job: FixJob, what: str) -> FixReport:
    """Have a process of its own write the graph. Raises what it raised, BackendError beginning with `what` where it
    crashed."""
    report: FixReport = decode(FixReport, ask(Job("export.networks.onnx_file.fixing", to_json(job), what)), what)
    return report


GROUP_NORM_AGAIN = 21
"""The operator set in which GroupNormalization became another operator: one gain for each channel, not for each
group. onnx's converter takes the one for the other."""
LARGEST = 1 << 22  # numbers of a constant that is computed: 16 MB
Change = Callable[[onnx.ModelProto, FixJob], onnx.ModelProto]


def fix(model: onnx.ModelProto, job: FixJob) -> tuple[onnx.ModelProto, FixReport]:
    """Run all passes. Raises InputError where a size or an operator set cannot be had."""
    applied: list[str] = []
    refused: dict[str, str] = {}
    now = model.SerializeToString(deterministic=True)
    for name, change in PASSES.items():
        before, model = now, change(model, job)
        now = model.SerializeToString(deterministic=True)
        if now == before:
            refused[name] = "the network has nothing of the kind"
        else:
            applied.append(name)
    return model, FixReport(tuple(applied), refused)


def opset_of(model: onnx.ModelProto) -> int:
    """The standard operator set of a file."""
    found: int = max(it.version for it in model.opset_import if it.domain in ("", "ai.onnx"))
    return found


def _fixed_sizes(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    """The tile as the input's size, and every other size from it."""
    h, w = job.tile
    made = _copy(model)
    constants = {tensor.name for tensor in made.graph.initializer}
    kept = [value for value in made.graph.input if value.name not in constants]  # old files list constants, too
    del made.graph.input[:], made.graph.value_info[:]
    made.graph.input.extend(kept)
    sides = (1, h, w, 3) if job.foreign.pixels.layout == "NHWC" else (1, 3, h, w)
    _set_sides(made.graph.input[0], sides)
    made.graph.output[0].type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(made, data_prop=True)


def _old_lowered(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    """What onnx's converter raises to another operator."""
    old = opset_of(model) < GROUP_NORM_AGAIN and any(node.op_type in OLD_RULES for node in model.graph.node)
    return lowered(model, OLD_RULES) if old else model


def _raised_opset(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    found = opset_of(model)
    if found >= job.opset:
        return model
    try:
        return onnx.version_converter.convert_version(model, job.opset)
    except Exception as error:  # its own errors are of many kinds
        raise InputError(
            f"onnx cannot bring operator set {found} to {job.opset}: {error}: export a newer one"
        ) from error


def _folded(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    """Constants computed, identities and what nothing reads removed."""
    import onnx_ir
    from onnxscript import optimizer

    def filled(node: onnx_ir.Node) -> bool | None:
        """ConstantOfShape would be left for the file's size, and all that is computed of it with it."""
        return True if node.op_type == "ConstantOfShape" else None

    made = onnx_ir.from_proto(model)
    optimizer.optimize_ir(
        made, num_iterations=4, input_size_limit=LARGEST, output_size_limit=LARGEST, should_fold=filled
    )
    return onnx_ir.to_proto(made)


def _merged(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    """Batch norms and paddings into their convolutions, pairs of transposes into one."""
    import onnx_ir
    from onnxscript.rewriter import RewriteRuleSet, rewrite
    from onnxscript.rewriter.rules import common

    rules = [
        common.fuse_batchnorm_into_conv_rule,
        common.fuse_batchnorm_into_conv_transpose_rule,
        common.normalize_pad_format_conv_rule,
        common.fuse_pad_into_conv_rule,
        common.no_op_transpose_rule,
        common.transpose_transpose_rule,
        common.no_op_expand_rule,
        *common.expand_before_binary_op_rules,
        common.no_op_cast_rule,
        common.add_0_rule,
        common.sub_0_rule,
        common.mul_by_1_rule,
        common.div_by_1_rule,
    ]
    made = onnx_ir.from_proto(model)
    rewrite(made, RewriteRuleSet(rules))
    return onnx_ir.to_proto(made)


def _lowered(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    return lowered(model)


def _stated(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    """Every attribute that has a default, and those of convolutions, which follow from their weights."""
    import onnx_ir
    from onnx_ir.passes.common import AddDefaultAttributesPass

    made: onnx.ModelProto = onnx_ir.to_proto(AddDefaultAttributesPass()(onnx_ir.from_proto(model)).model)
    return with_stated_convolutions(made)


def _with_picture_ports(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    return with_picture_ports(model, job.foreign.pixels, job.tile, job.scale)


def _named(model: onnx.ModelProto, job: FixJob) -> onnx.ModelProto:
    return named(model)


PASSES: dict[str, Change] = {
    "fix-sizes": _fixed_sizes,
    "lower-old-norms": _old_lowered,
    "raise-opset": _raised_opset,
    "fold-constants": _folded,
    "merge-operators": _merged,
    "lower-operators": _lowered,
    "state-defaults": _stated,
    "picture-ports": _with_picture_ports,
    "name-nodes": _named,
}


def _set_sides(value: onnx.ValueInfoProto, sides: tuple[int, ...]) -> None:
    shape = value.type.tensor_type.shape
    del shape.dim[:]
    for side in sides:
        shape.dim.add().dim_value = side


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def _serve(given: object) -> object:
    limit_to_available()
    job: FixJob = decode(FixJob, given, "job")
    network = read_onnx(Path(job.file))
    require_modest(network.model, network.layout, job.tile)
    model, report = fix(network.model, job)
    onnx.checker.check_model(model, full_check=True)
    Path(job.graph).write_bytes(model.SerializeToString(deterministic=True))
    return to_json(report)


if __name__ == "__main__":
    serve(lambda given, say: _serve(given))
