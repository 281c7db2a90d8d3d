"""ONNX -> ExecuTorch's program, in a process of its own: its tools take seconds to import and talk a lot.

Run as `python -m export.backends.executorch.lower` it does a LowerJob.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlgsanet.errors import BackendError
from export.machine.child_process import do_job, run_job


@dataclass(frozen=True)
class LowerJob:
    """What the process is asked: the file `onnx` as `program`, for the delegate Core ML in fp16 where `apple` names the
    oldest system (`iOS17`), else for XNNPACK."""

    onnx: str
    program: str
    apple: str = ""

    @property
    def delegate(self) -> str:
        return "Core ML" if self.apple else "XNNPACK"


def lower(onnx_file: Path, program: Path, apple: str = "") -> None:
    """Write `program` (.pte), see LowerJob. Raises InputError for a form of an operator that has none, BackendError
    with the last line that the tools said when they fail."""
    job = LowerJob(str(onnx_file), str(program), apple)
    what = f"ExecuTorch could not make {program.name} for {job.delegate}"
    run_job("export.backends.executorch.lower", job, what, program)


def _lower(job: LowerJob) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import onnx
    import torch
    from executorch.exir import to_edge_transform_and_lower

    from export.backends.executorch.onnx_module import OnnxModule
    from export.graph.graph import Graph

    graph = Graph(onnx.load(job.onnx))
    module = OnnxModule(graph).eval()
    shape = tuple(side.dim_value for side in graph.model.graph.input[0].type.tensor_type.shape.dim)
    with torch.no_grad():
        exported = torch.export.export(module, (torch.zeros(shape),))
        made = to_edge_transform_and_lower(exported, partitioner=[_partitioner(job)]).to_executorch()
    if not made.executorch_program.execution_plan[0].delegates:
        raise BackendError(f"ExecuTorch's delegate {job.delegate} took no operator of the network")
    Path(job.program).write_bytes(made.buffer)


def _partitioner(job: LowerJob) -> Any:
    """What gives a delegate its operators."""
    if not job.apple:
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

        return XnnpackPartitioner()
    import coremltools as ct
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    oldest = getattr(ct.target, job.apple)
    specs = CoreMLBackend.generate_compile_specs(
        compute_precision=ct.precision.FLOAT16, minimum_deployment_target=oldest
    )
    return CoreMLPartitioner(compile_specs=specs)


if __name__ == "__main__":
    do_job(LowerJob, _lower)
