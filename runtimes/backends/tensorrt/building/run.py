"""`dlgsanet build`: engines of a bundle's TensorRT artifacts, built on the device that will run them.

Torch is not needed. An INT8 artifact has two forms of the same graph, with fp32 and with fp16 scales, since some
versions build only one of them (NVIDIA/TensorRT#4832); they are tried in this order and the record names the one.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import BackendError, EdgeError, UnavailableError
from dlgsanet.storage.cache_folder import user_cache
from runtimes.backends.tensorrt import TENSORRT_RTX
from runtimes.backends.tensorrt.building.options import BuildOptions
from runtimes.backends.tensorrt.building.plan import BuildPlan, EngineOrder, plan_build
from runtimes.backends.tensorrt.compiling import preflight
from runtimes.backends.tensorrt.compiling.compile import (
    Compiled,
    CompileJob,
    RefusedError,
    compile_engine,
)
from runtimes.backends.tensorrt.engine_record import (
    FP16_SCALES,
    FP32_SCALES,
    SCHEMA,
    EngineRecord,
    engine_path,
    host_platform,
    read_engine,
    read_record,
    require_fitting,
    write_engine,
)
from runtimes.backends.tensorrt.lint.lint import require_clean
from runtimes.bundle.integrity import read_verified
from runtimes.bundle.manifest import Artifact

Say = Callable[[str], None]
FP16_FORM = ".fp16-scales.onnx"


@dataclass(frozen=True)
class Built:
    """One artifact's engine: `compiled` is None where it was up to date."""

    artifact: str
    engine: str
    record: EngineRecord
    compiled: Compiled | None

    def facts(self) -> dict[str, object]:
        """For programs: what was built and how; seconds and memory only of what was built now."""
        record, compiled = self.record, self.compiled
        return {
            "artifact": self.artifact,
            "engine": self.engine,
            "library": record.library,
            "version": record.version,
            "sm": record.sm,
            "typing": record.options.get("typing"),
            "scales": record.scales,
            "up_to_date": compiled is None,
            "seconds": compiled and compiled.seconds,
            "peak_mb": compiled and compiled.peak_mb,
        }

    def lines(self) -> list[str]:
        """For the terminal: what was built, how, and of which kernels."""
        record, compiled = self.record, self.compiled
        how = "up to date" if compiled is None else f"{compiled.seconds:.1f} s, {compiled.peak_mb:.0f} MB at most"
        form = f", {record.scales} scales" if record.scales else ""
        typing = "types chosen by TensorRT (weak)" if record.options.get("typing") == "weak" else "strongly typed"
        head = f"{self.engine}: {record.library} {record.version}, {record.sm}, {typing}{form}; {how}"
        table = record.table
        return [head, f"  {table.line}"] if table else [head, "  the builder's log lists no kernels"]


def build_engines(
    bundle: Path,
    options: BuildOptions,
    say: Say = lambda line: None,
    done: Callable[[Built], None] = lambda built: None,
) -> list[Built]:
    """Build what is missing or out of date; return all engines asked for: `plan_build`, then `run_build`."""
    return run_build(plan_build(bundle, options), say, done)


def run_build(plan: BuildPlan, say: Say, done: Callable[[Built], None]) -> list[Built]:
    """Run a plan. What was built stays when a later one fails: `done` gets each as soon as it is there.

    Raises UnavailableError (not enough room, a graph that the builder refuses, an INT8 artifact that neither form can
    build) and BackendError (the builder crashed or hung), once all the others are done.
    """
    for line in plan.lines():
        say(line)
    built: list[Built] = []
    failed: list[EdgeError] = []
    for order in plan.orders:
        try:
            made = _current(plan, order.artifact) or _build(plan, order, say)
        except (UnavailableError, BackendError) as error:
            say(f"{order.artifact.id}: not built: {error}")
            failed.append(error)
            continue
        built.append(made)
        done(made)
    _conclude(failed)
    return built


def forms(artifact: Artifact) -> list[tuple[str, str | None]]:
    """(ONNX, form of the scales) in the order in which they are tried."""
    second = artifact.path.removesuffix(".onnx") + FP16_FORM
    if not artifact.precision.startswith("int8"):
        return [(artifact.path, None)]
    return [(artifact.path, FP32_SCALES), *([(second, FP16_SCALES)] if second in artifact.files else [])]


def _current(plan: BuildPlan, artifact: Artifact) -> Built | None:
    """The engine that is there, if it is whole, fits and was built as asked now."""
    options = plan.options
    engine = engine_path(artifact, plan.gpu.sm)
    try:
        record = read_record(plan.bundle, engine)
        require_fitting(record, artifact, plan.stack.version, plan.gpu.sm)
        read_engine(plan.bundle, engine, record)
    except EdgeError:
        return None
    asked = {
        "typing": "weak" if options.weak else "strong",
        "workspace_mb": None if options.workspace_mb is None else str(options.workspace_mb),
        "optimization": None if options.optimization is None else str(options.optimization),
    }
    as_asked = all(record.options.get(key) == value for key, value in asked.items())
    same = record.library == plan.stack.library and as_asked
    return Built(artifact.id, engine, record, None) if same and not options.force else None


def _build(plan: BuildPlan, order: EngineOrder, say: Say) -> Built:
    """Try the forms of an artifact in order. Raises UnavailableError where none builds, BackendError where the only
    form crashes the builder."""
    artifact, stack = order.artifact, plan.stack
    engine = engine_path(artifact, plan.gpu.sm)
    preflight.require_room(order.need, plan.bundle, plan.gpu, artifact.id)
    reasons = []
    tries = forms(artifact)
    for onnx, scales in tries:
        say(f"{artifact.id}: building" + (f" ({scales} scales)" if scales else ""))
        try:
            record, compiled = _compile(plan, artifact, onnx, scales, say)
            return Built(artifact.id, engine, record, compiled)
        except (BackendError, RefusedError) as error:
            if scales is None:
                if isinstance(error, BackendError):
                    raise BackendError(f"{artifact.id}: {error}") from error
                reasons.append(str(error))
                continue
            reasons.append(f"with {scales} scales: {error}")
            say(f"{artifact.id}: {reasons[-1]}")
    instead = "use tensorrt-fp16, which is" if artifact.precision.startswith("int8") else "update it, or use"
    raise UnavailableError(
        f"{artifact.id} cannot be built by {stack.library} {stack.version} on {plan.gpu.sm} ({'; '.join(reasons)}): "
        f"{instead} an artifact of its own"
    )


def _compile(
    plan: BuildPlan, artifact: Artifact, onnx: str, scales: str | None, say: Say
) -> tuple[EngineRecord, Compiled]:
    """One form to an engine with its record; the builder reads a copy of exactly the bytes that were hashed."""
    options, stack, gpu = plan.options, plan.stack, plan.gpu
    graph = read_verified(plan.bundle, onnx, artifact.files[onnx])
    require_clean(graph, onnx)  # before any code of NVIDIA's reads it
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / Path(onnx).name, Path(folder) / "engine"
        source.write_bytes(graph)
        job = CompileJob(
            library=stack.library,
            onnx=str(source),
            engine=str(target),
            sm=gpu.sm if stack.library == TENSORRT_RTX.module else None,  # else it builds for several at once
            weak=options.weak,
            half=artifact.precision != "fp32",
            integer=artifact.precision.startswith("int8"),
            workspace_mb=options.workspace_mb,
            optimization=options.optimization,
            timing_cache=str(user_cache() / "tensorrt" / f"{stack.library}-{stack.version}-{gpu.sm}.timing"),
        )
        compiled = compile_engine(job, options.timeout_s, lambda step: say(f"{artifact.id}: {step}"))
        data = target.read_bytes()
    record = EngineRecord(
        schema=SCHEMA,
        artifact=artifact.id,
        engine_sha256=hashlib.sha256(data).hexdigest(),
        library=stack.library,
        version=compiled.version,
        sm=gpu.sm,
        platform=host_platform(),
        onnx=onnx,
        onnx_sha256=artifact.files[onnx],
        scales=scales,
        options=compiled.options,
        kernels=compiled.table.as_json() if compiled.table else {},
    )
    write_engine(plan.bundle, engine_path(artifact, gpu.sm), data, record)
    return record, compiled


def _conclude(failed: Sequence[EdgeError]) -> None:
    """One error for all: a crash weighs more than what cannot be had here."""
    if not failed:
        return
    crashed = [error for error in failed if isinstance(error, BackendError)]
    kind = BackendError if crashed else UnavailableError
    raise kind("; ".join(str(error) for error in failed))
