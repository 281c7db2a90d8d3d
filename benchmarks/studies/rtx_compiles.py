"""What TensorRT-RTX makes of each lowering: `python -m benchmarks.studies.rtx_compiles` with a job on its input, no GPU
needed.

The job and the answer are JSON (`benchmarks.studies.rtx_kernels` asks). Graphs are fp32 as built, or typed fp16;
nothing is proven here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlgsanet.checkpoints import load_model
from dlgsanet.errors import BackendError
from export.backends.tensorrt.half_precision import fp32_islands, to_half
from export.graph.build import onnx_bytes
from export.targets.table import Target
from export.tuning.lowering_trials import Variant, build_graph
from runtimes.backends.tensorrt.compiling.compile import CompileJob, compile_engine

TIMEOUT_S = 600.0
BEST = ("split-qkv", "split-gdfn", "turn-stream")
VARIANTS = (
    Variant("basis-fused without split-qkv, split-gdfn, turn-stream", "basis-fused", BEST),
    Variant("basis-fused without split-qkv, split-gdfn", "basis-fused", BEST[:2]),
    Variant("basis-fused without split-gdfn", "basis-fused", BEST[1:2]),
    *(Variant(f"{name}, all passes", name) for name in ("basis-fused", "basis-grouped", "rows", "shift", "basis")),
)


def answer(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each variant of a job: model, tile (H, W), sm, precision (fp32 or fp16)."""
    model = load_model(job["model"])
    target = Target("onnxruntime", "fp32", tuple(job["tile"]))  # a row that leaves no pass out by itself
    rows = []
    for variant in VARIANTS:
        sys.stderr.write(f"{variant.name}\n")
        graph = build_graph(model, target, variant)
        known = {"variant": variant.name, "precision": job["precision"], "sm": job["sm"]}
        try:
            made = to_half(graph, fp32_islands(graph)) if job["precision"] == "fp16" else graph
        except BackendError as error:  # a sum of squares as a convolution has an epsilon that fp16 cannot hold
            rows.append({**known, "reason": str(error)})
            continue
        with tempfile.TemporaryDirectory() as folder:
            source, engine = Path(folder) / "graph.onnx", Path(folder) / "engine"
            source.write_bytes(onnx_bytes(made, None))
            compile_job = CompileJob("tensorrt_rtx", str(source), str(engine), sm=job["sm"])
            compiled = compile_engine(compile_job, TIMEOUT_S, lambda step: None)
            size = engine.stat().st_size
        assert compiled.table is not None
        rows.append(
            {
                **known,
                "version": compiled.version,
                "onnx_nodes": len(made.graph.node),
                "engine_bytes": size,
                "seconds": compiled.seconds,
                "peak_mb": round(compiled.peak_mb),
                "kernels": compiled.table.as_json(),
            }
        )
    return rows


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
