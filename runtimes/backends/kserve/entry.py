"""What the registry knows of model servers. No artifact is made for one: any artifact may run on one, and --server
names it."""

from __future__ import annotations

from types import ModuleType

from runtimes.backends.interface.backend import Backend
from runtimes.backends.kserve import ENGINE
from runtimes.machine.processor import Device


def _probe(engine: ModuleType) -> tuple[Device, ...] | str:
    import tritonclient.grpc
    import tritonclient.http  # noqa: F401

    return "asks model servers by gRPC and HTTP; none is looked for: name one with --server"


BACKEND = Backend(engine=ENGINE, role="check, bench and upscale --server", probe=_probe)
