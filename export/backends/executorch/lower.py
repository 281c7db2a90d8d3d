"""ONNX -> ExecuTorch's program, in a process of its own: its tools take seconds to import and talk a lot.

Run as `python -m export.backends.executorch.lower` it does a LowerJob.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlgsanet.errors import BackendError
from export.machine.child_process import do_job, run_job

XNNPACK, CORE_ML, VULKAN = "XNNPACK", "Core ML", "Vulkan"


@dataclass(frozen=True)
class Delegate:
    """What is to compute a program: one of the names above, in fp16 where `half` says so. `oldest`: the oldest Apple
    system (`iOS17`), for Core ML alone."""

    name: str = XNNPACK
    half: bool = False
    oldest: str = ""


@dataclass(frozen=True)
class LowerJob:
    """What the process is asked: the file `onnx` (in reals, or with pairs around INT8 layers) as `program` for a
    delegate."""

    onnx: str
    program: str
    delegate: Delegate


def lower(onnx_file: Path, program: Path, delegate: Delegate) -> None:
    """Write `program` (.pte). Raises InputError for a form of an operator that has none, BackendError with the last
    line that the tools said when they fail."""
    job = LowerJob(str(onnx_file), str(program), delegate)
    what = f"ExecuTorch could not make {program.name} for {delegate.name}"
    run_job("export.backends.executorch.lower", job, what, program)


def _lower(job: LowerJob) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import onnx
    import torch
    from executorch.exir import to_edge_transform_and_lower

    from export.backends.executorch.onnx_module import OnnxModule
    from export.backends.executorch.operators import OPERATORS, VULKAN_OPERATORS
    from export.backends.executorch.vulkan_forms import require_same, vulkan_forms
    from export.graph.graph import Graph

    graph = Graph(onnx.load(job.onnx))
    operators = VULKAN_OPERATORS if job.delegate.name == VULKAN else OPERATORS
    module = OnnxModule(graph, operators).eval()
    shape = tuple(side.dim_value for side in graph.model.graph.input[0].type.tensor_type.shape.dim)
    with torch.no_grad():
        exported = torch.export.export(module, (torch.zeros(shape),))
        if job.delegate.name == VULKAN:
            exported = exported.run_decompositions(vulkan_forms())
        partitioner = _PARTITIONERS[job.delegate.name](job.delegate)
        lowered = to_edge_transform_and_lower(exported, partitioner=[partitioner])
        if job.delegate.name == VULKAN:
            require_same(lowered.exported_program().module(), module, shape)
        made = lowered.to_executorch()
    if not made.executorch_program.execution_plan[0].delegates:
        raise BackendError(f"ExecuTorch's delegate {job.delegate.name} took no operator of the network")
    Path(job.program).write_bytes(made.buffer)


def _xnnpack(delegate: Delegate) -> Any:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return XnnpackPartitioner()


def _core_ml(delegate: Delegate) -> Any:
    import coremltools as ct
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    specs = CoreMLBackend.generate_compile_specs(
        compute_precision=ct.precision.FLOAT16 if delegate.half else ct.precision.FLOAT32,
        minimum_deployment_target=getattr(ct.target, delegate.oldest),
    )
    return CoreMLPartitioner(compile_specs=specs)


def _vulkan(delegate: Delegate) -> Any:
    """For every GPU: textures of up to 2048 pixels a side are all that Vulkan promises."""
    from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

    return VulkanPartitioner({"small_texture_limits": True, "force_fp16": delegate.half})


_PARTITIONERS: Mapping[str, Callable[[Delegate], Any]] = {XNNPACK: _xnnpack, CORE_ML: _core_ml, VULKAN: _vulkan}
"""What gives a delegate its operators."""


if __name__ == "__main__":
    do_job(LowerJob, _lower)
