"""`dlgsanet build`: engines of a bundle's TensorRT artifacts, built on the device that will run them.

Torch is not needed. An INT8 artifact has two forms of the same graph, with fp32 and with fp16 scales, since some
versions build only one of them (NVIDIA/TensorRT#4832); they are tried in this order and the record names the one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import BackendError, EdgeError, InputError, UnavailableError
from dlgsanet.storage.atomic import require_writable_folder
from dlgsanet.storage.cache_folder import user_cache
from runtimes.backends.tensorrt import LIBRARIES, TENSORRT, TENSORRT_RTX
from runtimes.backends.tensorrt.build_options import BuildOptions
from runtimes.backends.tensorrt.compiling import preflight
from runtimes.backends.tensorrt.compiling.compile import (
    Compiled,
    CompileJob,
    RefusedError,
    Stack,
    compile_engine,
    describe_library,
)
from runtimes.backends.tensorrt.cuda.interface import Gpu
from runtimes.backends.tensorrt.cuda.open_cuda import open_cuda
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
from runtimes.bundle.integrity import read_verified, verify
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest

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
    """Build what is missing or out of date; return all engines asked for. What was built stays when a later one fails:
    `done` gets each as soon as it is there.

    Raises InputError (a bundle or name that is wrong), UnavailableError (no such artifact in the bundle, no TensorRT,
    no GPU, not enough room, an INT8 artifact that neither form can build), BackendError (the builder crashed, hung or
    refused a graph).
    """
    manifest = read_manifest(bundle)
    artifacts = _chosen(manifest, bundle, options.artifacts)
    stack = find_library()
    gpu = _gpu()
    needs = [(artifact.id, _need(manifest, bundle, artifact, options, stack)) for artifact in artifacts]
    for line in preflight.describe(gpu, stack.library, stack.version, stack.dla_cores, needs):
        say(line)
    require_writable_folder(bundle / Path(artifacts[0].path).parent)
    if options.weak and stack.typed_only:
        raise UnavailableError(f"{stack.library} {stack.version} has no weak typing any more: leave --weak-typing out")
    built: list[Built] = []
    failed: list[EdgeError] = []
    for artifact, (_, need) in zip(artifacts, needs, strict=True):
        try:
            made = _current(bundle, artifact, options, stack, gpu)
            made = made or _build(bundle, artifact, options, stack, gpu, need, say)
        except (UnavailableError, BackendError) as error:
            say(f"{artifact.id}: not built: {error}")
            failed.append(error)
            continue
        built.append(made)
        done(made)
    _conclude(failed)
    return built


def find_library() -> Stack:
    """The package that builds here. Raises UnavailableError when there is none, or none that works."""
    for name in LIBRARIES:
        if importlib.util.find_spec(name) is not None:
            return describe_library(name)  # a broken one is said: another would build something else
    raise UnavailableError(
        "building needs TensorRT, which is not here: it comes with JetPack (its Python package must be visible, as in "
        "an environment with system packages) or from NVIDIA's own package index"
    )


def _chosen(manifest: Manifest, bundle: Path, prefixes: Sequence[str]) -> list[Artifact]:
    """The artifacts to build, in the manifest's order."""
    buildable = [artifact for artifact in manifest.artifacts if artifact.backend == TENSORRT.name]
    if not buildable:
        others = ", ".join(sorted({artifact.backend for artifact in manifest.artifacts})) or "no artifacts"
        raise UnavailableError(
            f"'{bundle}' holds no TensorRT graph to build an engine from (it has {others}, which run as they are): "
            "export it with --to tensorrt"
        )
    for prefix in prefixes:
        if not any(artifact.id.startswith(prefix) for artifact in buildable):
            raise InputError(
                f"no TensorRT artifact begins with '{prefix}'; '{bundle}' has {', '.join(it.id for it in buildable)}"
            )
    return [artifact for artifact in buildable if artifact.id.startswith(tuple(prefixes) or ("",))]


def _gpu() -> Gpu:
    cuda = open_cuda(torch=False)
    try:
        return cuda.gpu()
    finally:
        cuda.close()


def _need(manifest: Manifest, bundle: Path, artifact: Artifact, options: BuildOptions, stack: Stack) -> preflight.Need:
    verify(bundle, artifact.files)
    size = (bundle / artifact.path).stat().st_size
    return preflight.estimate(manifest, artifact, size, options.workspace_mb, stack.library == TENSORRT_RTX.module)


def forms(artifact: Artifact) -> list[tuple[str, str | None]]:
    """(ONNX, form of the scales) in the order in which they are tried."""
    second = artifact.path.removesuffix(".onnx") + FP16_FORM
    if not artifact.precision.startswith("int8"):
        return [(artifact.path, None)]
    return [(artifact.path, FP32_SCALES), *([(second, FP16_SCALES)] if second in artifact.files else [])]


def _current(bundle: Path, artifact: Artifact, options: BuildOptions, stack: Stack, gpu: Gpu) -> Built | None:
    """The engine that is there, if it is whole, fits and was built as asked now."""
    engine = engine_path(artifact, gpu.sm)
    try:
        record = read_record(bundle, engine)
        require_fitting(record, artifact, stack.version, gpu.sm)
        read_engine(bundle, engine, record)
    except EdgeError:
        return None
    asked = {
        "typing": "weak" if options.weak else "strong",
        "workspace_mb": None if options.workspace_mb is None else str(options.workspace_mb),
        "optimization": None if options.optimization is None else str(options.optimization),
    }
    as_asked = all(record.options.get(key) == value for key, value in asked.items())
    same = record.library == stack.library and as_asked
    return Built(artifact.id, engine, record, None) if same and not options.force else None


def _build(
    bundle: Path, artifact: Artifact, options: BuildOptions, stack: Stack, gpu: Gpu, need: preflight.Need, say: Say
) -> Built:
    """Try the forms of an artifact in order. Raises UnavailableError where an INT8 artifact builds in none."""
    engine = engine_path(artifact, gpu.sm)
    preflight.require_room(need, bundle, gpu, artifact.id)
    reasons = []
    tries = forms(artifact)
    for onnx, scales in tries:
        say(f"{artifact.id}: building" + (f" ({scales} scales)" if scales else ""))
        try:
            record, compiled = _compile(bundle, artifact, onnx, scales, engine, options, stack, gpu, say)
            return Built(artifact.id, engine, record, compiled)
        except BackendError as error:
            if scales is None:
                raise type(error)(f"{artifact.id}: {error}") from error
            reasons.append(f"with {scales} scales: {error}")
            say(f"{artifact.id}: {reasons[-1]}")
    raise UnavailableError(
        f"{artifact.id} cannot be built by {stack.library} {stack.version} on {gpu.sm} ({'; '.join(reasons)}): use "
        "tensorrt-fp16, which is an artifact of its own"
    )


def _compile(
    bundle: Path, artifact: Artifact, onnx: str, scales: str | None, engine: str, options: BuildOptions, stack: Stack,
    gpu: Gpu, say: Say,
) -> tuple[EngineRecord, Compiled]:  # fmt: skip
    """One form to an engine with its record; the builder reads a copy of exactly the bytes that were hashed."""
    graph = read_verified(bundle, onnx, artifact.files[onnx])
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
    write_engine(bundle, engine, data, record)
    return record, compiled


def _conclude(failed: Sequence[EdgeError]) -> None:
    """One error for all: a crash weighs more than what cannot be had here."""
    if not failed:
        return
    crashed = [error for error in failed if isinstance(error, BackendError)]
    kind = BackendError if crashed else UnavailableError
    raise kind("; ".join(str(error) for error in failed))


__all__ = ["BuildOptions", "Built", "RefusedError", "build_engines", "find_library", "forms"]
