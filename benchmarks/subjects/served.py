"""An artifact as a model server runs it: which one, and what its records are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dlgsanet.errors import InputError
from runtimes import open_served
from runtimes.backends.kserve import ENGINE
from runtimes.backends.kserve.address import Served, parse_served
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import Runner

NOTE = "on a server, which does not tell in which precision it computes: judged by its numbers"


@dataclass(frozen=True)
class ServedArtifact:
    """The one artifact of a bundle that a server runs."""

    served: Served
    bundle: Path
    artifact: Artifact

    @property
    def name(self) -> str:
        """In records: beside the artifact's own name."""
        return f"{ENGINE.name}-{self.artifact.id}"

    @property
    def backend(self) -> str:
        return ENGINE.name

    @property
    def opener(self) -> Callable[[], Runner]:
        """Picklable: it is called in a child process."""
        return partial(open_served, self.served, bundle=self.bundle, artifact=self.artifact.id, name=self.name)


def plan_served(
    server: str | None, model: str | None, bundle: Path, artifacts: Sequence[Artifact], local: Sequence[str] = ()
) -> ServedArtifact | None:
    """What --server asks for; None without it. `local`: options given that mean nothing to a server.

    Raises InputError for one option without the other, for `local`, and where it is not said which artifact it is.
    """
    if server is None:
        if model is not None:
            raise InputError("--model names a model of a server: give it with --server")
        return None
    if local:
        raise InputError(f"{' and '.join(local)}: not for a server, which runs as it was set up; leave it out")
    served = parse_served(server, model)
    if len(artifacts) != 1:
        names = ", ".join(artifact.id for artifact in artifacts)
        raise InputError(f"--server runs one artifact: say which with --artifact, of {names}")
    return ServedArtifact(served, bundle, artifacts[0])
