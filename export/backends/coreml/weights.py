"""Smaller weights for a Core ML package, by coremltools' own compressors: int8 with scales, or tables of values.

Only the stored weights change: Core ML decompresses them and computes in fp16. Nothing is calibrated. Each output
channel has its own int8 scale; a table (k-means) serves a whole tensor. The first and the last convolution keep fp16:
their few weights cost more than those of all others together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from coremltools.models import MLModel
    from coremltools.optimize.coreml import OpPalettizerConfig, OptimizationConfig

LEAST_ELEMENTS = 512
"""Smaller tensors stay as they are: scales, tables and their descriptions would eat the gain."""

PALETTES = {"pal8": 8, "pal6": 6, "pal4": 4}


def compress(model: MLModel, precision: str) -> MLModel:
    """The MLModel with its weights stored as `precision` (of export.targets.table) says; as it is for fp32 and fp16."""
    from coremltools.optimize import coreml

    if precision in ("int8", "int8w"):  # in int8, what is not quantized already
        linear = coreml.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=LEAST_ELEMENTS)
        config = coreml.OptimizationConfig(global_config=linear, op_name_configs=_ends(model))
        return coreml.linear_quantize_weights(model, config)
    if precision in PALETTES:
        return coreml.palettize_weights(model, _palettes(model, PALETTES[precision]))
    return model


def _palettes(model: MLModel, bits: int) -> OptimizationConfig:
    """k-means for every tensor that has more values than the table, else a table of the values as they are.

    coremltools 9.0's k-means returns wrong weights (off by several times their size) where a tensor has fewer distinct
    values than clusters, as the 7x7 filters that channels share have. The exact table is better there in any case.
    """
    from coremltools.optimize import coreml

    table = coreml.OpPalettizerConfig(mode="kmeans", nbits=bits, weight_threshold=LEAST_ELEMENTS)
    exact = coreml.OpPalettizerConfig(mode="unique", weight_threshold=LEAST_ELEMENTS)
    weights = coreml.get_weights_metadata(model, weight_threshold=LEAST_ELEMENTS)
    few: dict[str, OpPalettizerConfig | None] = {
        name: exact for name, weight in weights.items() if len(np.unique(weight.val)) <= 2**bits
    }
    return coreml.OptimizationConfig(global_config=table, op_name_configs=few | _ends(model))


def _ends(model: MLModel) -> dict[str, None]:
    """The weights of the first and of the last convolution, for coremltools to leave as they are."""
    program = model._mil_program  # coremltools has no public way to ask which weight a convolution reads
    convolutions = [op for op in program.functions["main"].operations if op.op_type == "conv"]
    return {conv.weight.op.name: None for conv in (convolutions[0], convolutions[-1])}
