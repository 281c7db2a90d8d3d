"""The plan of `build`: which engines, by which library, on which GPU, and what each needs. Nothing is built here."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.storage.atomic import require_writable_folder
from runtimes.backends.tensorrt import LIBRARIES, TENSORRT, TENSORRT_RTX
from runtimes.backends.tensorrt.building.options import BuildOptions
from runtimes.backends.tensorrt.compiling import preflight
from runtimes.backends.tensorrt.compiling.compile import Stack, describe_library
from runtimes.backends.tensorrt.cuda.interface import Gpu
from runtimes.backends.tensorrt.cuda.open_cuda import open_cuda
from runtimes.bundle.integrity import verify
from runtimes.bundle.manifest import Artifact, Manifest, read_manifest


@dataclass(frozen=True)
class EngineOrder:
    """One engine to build, and what building it needs."""

    artifact: Artifact
    need: preflight.Need


@dataclass(frozen=True)
class BuildPlan:
    """A build whose bundle, library and GPU are there."""

    bundle: Path
    options: BuildOptions
    stack: Stack
    gpu: Gpu
    orders: tuple[EngineOrder, ...]

    def lines(self) -> list[str]:
        """For the terminal: where and what, before it begins."""
        needs = [(order.artifact.id, order.need) for order in self.orders]
        return preflight.describe(self.gpu, self.stack.library, self.stack.version, self.stack.dla_cores, needs)


def plan_build(bundle: Path, options: BuildOptions) -> BuildPlan:
    """Read what is to be built, and where.

    Raises InputError (a bundle or name that is wrong), UnavailableError (no such artifact in the bundle, no TensorRT,
    no GPU, weak typing where there is none).
    """
    manifest = read_manifest(bundle)
    artifacts = _chosen(manifest, bundle, options.artifacts)
    stack = find_library()
    gpu = _gpu()
    orders = tuple(EngineOrder(artifact, _need(manifest, bundle, artifact, options, stack)) for artifact in artifacts)
    require_writable_folder(bundle / Path(artifacts[0].path).parent)
    if options.weak and stack.typed_only:
        raise UnavailableError(f"{stack.library} {stack.version} has no weak typing any more: leave --weak-typing out")
    return BuildPlan(bundle, options, stack, gpu, orders)


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
