"""What a manifest says of an artifact's inputs and outputs, held against what the host gives and the engine
has."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dlgsanet.imaging.errors import InputError
from runtimes.manifest import Artifact, Port


def require_host_ports(artifact: Artifact, hints: Collection[str]) -> None:
    """Refuse ports that a runner cannot feed from the host, and hints that it does not know. Raises
    InputError."""
    for port in (artifact.input, artifact.output):
        if (port.layout, port.dtype) != ("NCHW", "float32") or artifact.input.range != (0.0, 1.0):
            raise InputError(
                f"{artifact.id}: '{port.name}' is {port.layout} {port.dtype} in "
                f"{list(port.range)}, expected NCHW "
                f"float32 in [0, 1]: this version cannot run it, update dlgsanet-edge"
            )
    for hint in artifact.hints:
        if hint not in hints:
            raise InputError(
                f"{artifact.id}: the manifest pins '{hint}', which this runner does not know; "
                f"it knows {', '.join(hints) or 'no hints'}"
            )


def require_port(artifact_id: str, port: Port, found: Mapping[str, tuple[object, ...]]) -> None:
    """Refuse an engine whose port (name -> shape) is not the one the manifest promises. Raises InputError."""
    if found.get(port.name) != port.shape:
        shown = ", ".join(f"{name} {list(shape)}" for name, shape in found.items())
        raise InputError(
            f"{artifact_id}: expected '{port.name}' of shape {list(port.shape)}, the file has "
            f"{shown or 'nothing'}; "
            "export the bundle again"
        )
