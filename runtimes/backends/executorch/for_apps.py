"""A program that nothing here runs or judges: it says so when it is opened."""

from __future__ import annotations

from pathlib import Path

from dlgsanet.errors import UnavailableError
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.tiling import Array


class VulkanRunner(Runner):
    """Opening it raises UnavailableError for every device: ExecuTorch's packages for Python lack the delegate."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._name = artifact.id

    def _open(self) -> RunInfo:
        raise UnavailableError(
            f"{self._name}: it runs in apps with ExecuTorch's Vulkan delegate, which its package for Python lacks, and "
            "nothing here judges it; `dlgsanet export --to executorch` makes the same network for the processor"
        )

    def _infer(self, tile: Array) -> Array:
        raise AssertionError("it is never open")

    def _close(self) -> None:
        return None
