"""What the registry knows of PyTorch."""

from __future__ import annotations

from types import ModuleType

from runtimes.backends.interface.backend import Backend
from runtimes.backends.torch import ENGINE
from runtimes.machine.processor import Device


def _probe(engine: ModuleType) -> tuple[Device, ...]:
    from runtimes.backends.torch.probe import probe

    return probe(engine)


BACKEND = Backend(engine=ENGINE, role="the reference: export, train, upscale --model", probe=_probe)
