"""The process in which TensorRT compiles: `python -m runtimes.backends.tensorrt.compiling.worker`.

One code path for TensorRT 10.3 to 11 and TensorRT-RTX: what a version lacks is seen by `hasattr`, never by its number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from dlgsanet.errors import UnavailableError
from dlgsanet.storage.atomic import new_file
from dlgsanet.storage.typed_json import decode, to_json
from runtimes.backends.tensorrt import LIBRARIES
from runtimes.backends.tensorrt.compiling import fixed_addresses as addresses
from runtimes.backends.tensorrt.compiling.compile import FIXED, WORKER, Compiled, CompileJob, RefusedError, Stack
from runtimes.backends.tensorrt.layers import parse_log, summary
from runtimes.backends.tensorrt.library_log import LibraryLog, make_logger
from runtimes.machine.child import Say, serve
from runtimes.machine.clock import now_ms
from runtimes.machine.memory import peak_rss_mb

EVERY_MS = 1000.0  # at most so often the progress is said


def open_library(name: str) -> ModuleType:
    """The package. Raises UnavailableError saying how to get it, also where its libraries are missing."""
    return LIBRARIES[name].load()


def describe(library: str) -> Stack:
    """What the library is; makes a builder only where that needs no GPU or there is one."""
    trt = open_library(library)
    flags = getattr(trt, "BuilderFlag", None)
    return Stack(library, str(trt.__version__), not hasattr(flags, "FP16"), _dla_cores(trt))


def _dla_cores(trt: ModuleType) -> int | None:
    """How many deep learning accelerators there are; None where no builder can be made (no GPU)."""
    try:
        builder = trt.Builder(make_logger(trt, LibraryLog()))
    except (TypeError, RuntimeError):  # the factory returned no builder
        return None
    return int(getattr(builder, "num_DLA_cores", 0))


def compile_job(job: CompileJob, say: Say) -> Compiled:
    """Build the engine, write it. Raises RefusedError with what the parser or builder said."""
    start = now_ms()
    trt = open_library(job.library)
    log = LibraryLog()
    logger = make_logger(trt, log)
    try:
        builder = trt.Builder(logger)
    except (TypeError, RuntimeError) as error:
        raise UnavailableError(f"{job.library} {trt.__version__} makes no builder here: {log.reason}") from error
    if job.sm is not None and hasattr(builder, "max_threads"):
        builder.max_threads = 1  # with `addresses.start_fixed`, the same bytes but in int8; it costs no time
    network, options = _network(trt, builder, job)
    parser = trt.OnnxParser(network, logger)
    say("reading the graph")
    if not parser.parse(Path(job.onnx).read_bytes()):
        raise RefusedError(_parser_errors(parser) or log.reason)
    config = builder.create_builder_config()
    options |= _configure(trt, config, job)
    keep = _timing_cache(trt, config, job)
    if hasattr(trt, "IProgressMonitor") and hasattr(config, "progress_monitor"):
        config.progress_monitor = make_monitor(trt, say)
    say("compiling")
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise RefusedError(log.reason)
    data = memoryview(built)
    temporary = Path(f"{job.engine}.part")
    temporary.write_bytes(data)
    temporary.replace(job.engine)
    keep()
    kernels, memory = parse_log(log.lines)
    return Compiled(
        version=str(trt.__version__),
        options=options,
        table=summary(kernels, memory) if kernels else None,
        seconds=round((now_ms() - start) / 1e3, 2),
        peak_mb=peak_rss_mb() or 0.0,
        warnings=tuple(dict.fromkeys(log.warnings))[-5:],
    )


def _network(trt: ModuleType, builder: Any, job: CompileJob) -> tuple[Any, dict[str, str]]:
    """An empty network: strongly typed, or with `weak` typed by the builder, where the version still can."""
    if job.weak:
        if not hasattr(trt.BuilderFlag, "FP16"):
            raise UnavailableError(
                f"{job.library} {trt.__version__} has no weak typing any more: leave --weak-typing out"
            )
        return builder.create_network(0), {"typing": "weak"}
    flags = trt.NetworkDefinitionCreationFlag
    typed = 1 << int(flags.STRONGLY_TYPED) if hasattr(flags, "STRONGLY_TYPED") else 0
    if not typed and hasattr(trt.BuilderFlag, "FP16"):
        raise UnavailableError(
            f"{job.library} {trt.__version__} cannot hold the types of the graph: update it, or give --weak-typing"
        )
    return builder.create_network(typed), {"typing": "strong"}


def _configure(trt: ModuleType, config: Any, job: CompileJob) -> dict[str, str]:
    """Set what this version has; the result names what was set."""
    taken: dict[str, str] = {}
    if hasattr(trt, "ProfilingVerbosity"):
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if hasattr(trt.BuilderFlag, "TF32"):  # on by default, and 10 bits of mantissa are not what fp32 says
        config.clear_flag(trt.BuilderFlag.TF32)
        taken["tf32"] = "off"
    if job.workspace_mb is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, job.workspace_mb << 20)
        taken["workspace_mb"] = str(job.workspace_mb)
    if job.optimization is not None and hasattr(config, "builder_optimization_level"):
        config.builder_optimization_level = job.optimization
        taken["optimization"] = str(job.optimization)
    for wanted, flag in ((job.half, "FP16"), (job.integer, "INT8")):
        if job.weak and wanted:
            config.set_flag(getattr(trt.BuilderFlag, flag))
            taken[flag.lower()] = "allowed"
    if job.sm is not None:
        _set_capability(trt, config, job)
        taken["ahead_of_time"] = job.sm
        taken["addresses"] = "fixed" if addresses.fixed() else "random: another build may have other bytes"
    return taken


def _set_capability(trt: ModuleType, config: Any, job: CompileJob) -> None:
    wanted = str(job.sm).upper()
    if not hasattr(trt, "ComputeCapability"):
        raise UnavailableError(
            f"{job.library} {trt.__version__} compiles for the GPU that is here only, not for {wanted}"
        )
    if not hasattr(trt.ComputeCapability, wanted):
        known = ", ".join(name for name in trt.ComputeCapability.__members__ if name.startswith("SM"))
        raise UnavailableError(f"{job.library} {trt.__version__} knows no {wanted}; it knows {known}")
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, wanted), 0)


def _timing_cache(trt: ModuleType, config: Any, job: CompileJob) -> Callable[[], None]:
    """Give the builder the times of earlier builds; the result keeps those of this one. A cache that it does not take
    (another version, a torn file) is begun anew."""
    if job.timing_cache is None or not hasattr(config, "create_timing_cache"):
        return lambda: None
    path = Path(job.timing_cache)
    known = path.read_bytes() if path.is_file() else b""
    cache = config.create_timing_cache(known) or config.create_timing_cache(b"")
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        return lambda: None

    def keep() -> None:
        found = config.get_timing_cache()
        if found is None:
            return
        with new_file(path) as temporary:
            temporary.write_bytes(memoryview(found.serialize()))

    return keep


def make_monitor(trt: Any, say: Say) -> object:
    """Progress in the library's own way: phases, and steps within each."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}
            self._said_ms = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps
            if parent_phase is None:
                say(f"{phase_name}: {num_steps} steps")

        def step_complete(self, phase_name: str, step: int) -> bool:
            if now_ms() - self._said_ms > EVERY_MS:
                self._said_ms = now_ms()
                say(f"{phase_name}: {step + 1} of {self._steps.get(phase_name, step + 1)}")
            return True

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()


def _parser_errors(parser: Any) -> str:
    """The first thing that the parser could not read, with its node."""
    if not parser.num_errors:
        return ""
    error = parser.get_error(0)
    node = getattr(error, "node_name", lambda: "")()
    return " ".join(f"{'node ' + node + ': ' if node else ''}{error.desc()}".split())[:400]


def work(request: object, say: Say) -> object:
    """Do one job: say what a library is, or compile."""
    assert isinstance(request, dict)
    if "describe" in request:
        return to_json(describe(request["describe"]))
    return to_json(compile_job(decode(CompileJob, request["compile"], "the job"), say))


if __name__ == "__main__":
    if FIXED in sys.argv:
        addresses.start_fixed(WORKER)
    serve(work)
