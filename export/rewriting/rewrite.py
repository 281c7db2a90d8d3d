"""Rewriting the reference into a graph for one tile by ordered exact passes, on a copy, in float64.

Weights are folded in float64 and rounded once, when an exporter casts the result. The reference that was
given is never touched; `export.rewriting.certificate` proves the result against it.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass

from torch import nn

from dlgsanet.errors import unknown
from dlgsanet.network.model import DLGSANet
from export.rewriting.lowerings import COMPOSE_FILTER_INPUT, EXPOSE_FILTERS, LOWER_DYNAMIC_CONV, STATIC, lowering
from export.rewriting.pass_contract import Pass, PassContext
from export.rewriting.passes.attention import SCALE_AFTER_MATMUL, SPLIT_QKV, UNROLL_TLC
from export.rewriting.passes.attention_by_cells import ATTEND_BY_CELLS
from export.rewriting.passes.factor_filters import FACTOR_FILTERS
from export.rewriting.passes.feed_forward import SLICE_GDFN, SPLIT_GDFN
from export.rewriting.passes.half_safe_norms import NORMALISE_BY_PEAK, UNIT_BY_PEAK
from export.rewriting.passes.layer_norm import FOLD_NORM_AFFINE, LAYER_NORM_NCHW
from export.rewriting.passes.mean_colour import FOLD_INPUT_MEAN, FOLD_OUTPUT_MEAN, FixedNet
from export.rewriting.passes.residual_stream import TURN_STREAM
from export.targets.table import Target

PASSES: tuple[Pass, ...] = (
    LAYER_NORM_NCHW,
    FOLD_NORM_AFFINE,
    TURN_STREAM,
    NORMALISE_BY_PEAK,
    SLICE_GDFN,
    SPLIT_GDFN,
    UNROLL_TLC,
    SCALE_AFTER_MATMUL,
    UNIT_BY_PEAK,
    SPLIT_QKV,
    ATTEND_BY_CELLS,
    EXPOSE_FILTERS,
    COMPOSE_FILTER_INPUT,
    FACTOR_FILTERS,
    LOWER_DYNAMIC_CONV,
    FOLD_OUTPUT_MEAN,
    FOLD_INPUT_MEAN,
)


HALF_ONLY = (NORMALISE_BY_PEAK, UNIT_BY_PEAK)
NOT_IN_HALF = (TURN_STREAM, SCALE_AFTER_MATMUL, SPLIT_GDFN, SPLIT_QKV, ATTEND_BY_CELLS)
"""What a target that computes in fp16 leaves out: q k^T of rows that were not scaled and sums of squares that were not
overflow, and two narrow convolutions in place of a wide one are twice the operators and weight blobs in the file."""


@dataclass(frozen=True)
class Applied:
    """A pass that changed `places` modules, with the identity that makes it exact."""

    name: str
    identity: str
    places: int


@dataclass(frozen=True)
class Refused:
    """A pass that could not be applied, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class RewriteResult:
    """`model`: (1, 3, H, W) float64 -> (1, 3, sH, sW) for the target's tile only, batch 1, on the CPU."""

    model: FixedNet
    lowering: str
    applied: tuple[Applied, ...]
    refused: tuple[Refused, ...]

    @property
    def rewrites(self) -> tuple[str, ...]:
        """Names of the passes in the order in which they were applied, for the manifest."""
        return tuple(exact.name for exact in self.applied)


def passes_for(target: Target) -> tuple[Pass, ...]:
    """The passes of a target, in order: those that keep fp16 in range where it computes in fp16, else the fast ones."""
    without = NOT_IN_HALF if target.row.half_safe else HALF_ONLY
    return tuple(exact for exact in PASSES if exact not in without)


def rewrite(
    model: DLGSANet, target: Target, *, lowering_name: str | None = None, only: Collection[str] | None = None
) -> RewriteResult:
    """Rewrite a copy of `model` for the target's tile, in float64 and eval mode.

    `lowering_name` replaces the target's default lowering. `only` runs these passes alone (in the fixed
    order), to look at one of them; the result is then exact but may not be exportable. Raises InputError for
    an unknown lowering or pass.
    """
    chosen = lowering(lowering_name or target.row.lowering).name
    names = [exact.name for exact in PASSES]
    for name in only or ():
        if name not in names:
            raise unknown("rewrite", name, names)
    fixed = FixedNet(copy.deepcopy(model).to("cpu").double().eval()).eval()
    context = PassContext(target.tile, chosen)
    applied: list[Applied] = []
    refused: list[Refused] = []
    wanted = {exact.name for exact in passes_for(target)} if only is None else set(only)
    for exact in PASSES:
        if exact.name not in wanted:
            continue
        if only is None and exact.name in target.row.without:
            refused.append(Refused(exact.name, f"left out for {target.row.name}, as the table of targets has it"))
        else:
            _run(exact, fixed, context, applied, refused)
    return RewriteResult(
        fixed.eval().requires_grad_(False),
        chosen if model.config.dynamic else STATIC,
        tuple(applied),
        tuple(refused),
    )


def _run(exact: Pass, fixed: nn.Module, context: PassContext, applied: list[Applied], refused: list[Refused]) -> None:
    missing = [name for name in exact.needs if name not in {done.name for done in applied}]
    if missing:
        refused.append(Refused(exact.name, f"it needs {', '.join(missing)}, which was not applied"))
        return
    outcome = exact.run(fixed, context)
    if outcome.places:
        identity = lowering(context.lowering).identity if exact is LOWER_DYNAMIC_CONV else exact.identity
        applied.append(Applied(exact.name, identity, outcome.places))
    else:
        refused.append(Refused(exact.name, outcome.reason or "the network has nothing of the kind"))
