"""One process or many: what torchrun says about this one, and what several must agree on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from dlgsanet.errors import UnavailableError
from dlgsanet.training.data.sampler import Share

# The others wait while the first prepares the images or validates; torch's ten minutes could be too few.
_PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Worker:
    """This process: its number among `count`, its number on its machine, and the device that it trains on."""

    device: torch.device
    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes, validates and speaks."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """Its part of every batch."""
        return Share(self.rank, self.count)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module whose backward pass averages the gradients of all processes."""
        if self.count == 1:
            return module
        # Buffers that change (batch norm's) stay each process's own; torch cannot send those in channels-last form.
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices, broadcast_buffers=False)

    def mean(self, value: float) -> float:
        """Mean of a number over all processes; NaN if it is NaN in any."""
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return float(total) / self.count

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        return self.mean(float(flag)) > 0

    @contextmanager
    def first_on_machine(self) -> Iterator[None]:
        """The block runs in one process of each machine first, then in the others."""
        if self.count > 1 and self.local_rank > 0:
            distributed.barrier()
        yield
        if self.count > 1 and self.local_rank == 0:
            distributed.barrier()


def accumulating(module: nn.Module, more: bool) -> AbstractContextManager[Any]:
    """While `more` parts of the step follow, gradients stay in the process instead of being averaged."""
    return module.no_sync() if more and isinstance(module, DistributedDataParallel) else nullcontext()


@contextmanager
def join(device: str = "auto") -> Iterator[Worker]:
    """Join the processes that torchrun started (NCCL on CUDA, Gloo on CPUs), or be alone.

    Raises UnavailableError when CUDA is asked for and there is none.
    """
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    place = choose_device(device, local_rank)
    if count == 1:
        yield Worker(place)
        return
    if place.type == "cuda":
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Worker(place, rank, count, local_rank)
    finally:
        distributed.destroy_process_group()


def choose_device(wanted: str, local_rank: int = 0) -> torch.device:
    """The process's own device. `auto` is CUDA where there is one. Raises UnavailableError without silent fallback."""
    there = torch.cuda.is_available()
    if wanted == "cpu" or (wanted == "auto" and not there):
        return torch.device("cpu")
    if not there:
        raise UnavailableError("run.device is cuda, and PyTorch finds none here: set it to auto or cpu")
    if local_rank >= torch.cuda.device_count():
        raise UnavailableError(
            f"expected a GPU for each process, found {torch.cuda.device_count()} for process {local_rank + 1} of this "
            "machine: lower --nproc_per_node"
        )
    return torch.device("cuda", local_rank)
