"""What is judged and timed: artifacts of a bundle and what they are held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.records.gate_name import GateName
from benchmarks.records.identity import Identity
from dlgsanet.errors import EdgeError, InputError, UnavailableError
from runtimes.bundle.artifact_facts import Shown
from runtimes.bundle.manifest import Manifest
from runtimes.runner.contract import OutputError, Runner, UnfitError
from runtimes.runner.tiling import Tile


@dataclass(frozen=True)
class Origin:
    """The checkpoint that artifacts were made from, as records name it."""

    name: str
    sha256: str
    scale: int


@dataclass(frozen=True)
class Subject(Identity):
    """One artifact to be judged; `runner` is not open yet.

    `approximate`: its graph drops something, whatever its precision. `pictures`: it takes and gives 8 bits, so the
    reference's output is rounded before the two are compared. `note` is one line that its records must say even when it
    passes. `interpreted`: an interpreter of the file stands in for its engine, and takes seconds for a tile.
    `birth`: what it showed of the pictures at hand when it was exported.
    """

    artifact: str
    precision: str
    tile: Tile
    runner: Runner
    approximate: bool = False
    pictures: bool = False
    note: str = ""
    interpreted: bool = False
    birth: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Contestant(Identity):
    """An artifact or a peer to be timed; `opener` must be picklable, it is also called in a child process."""

    name: str
    precision: str
    tile: Tile
    opener: Callable[[], Runner]
    note: str = ""


@dataclass(frozen=True)
class Ending:
    """Why one takes no further part: its gate, and the line where its engine crashed (`crash`) or its files are damaged
    (`damage`)."""

    gate: GateName
    crash: str | None = None
    damage: str | None = None


def ending(error: EdgeError) -> Ending:
    """What an error of one artifact or peer means; the others go on."""
    if isinstance(error, (UnavailableError, UnfitError)):
        return Ending("not run")
    if isinstance(error, OutputError):
        return Ending("fail")
    return Ending("fail", damage=str(error)) if isinstance(error, InputError) else Ending("fail", crash=str(error))


def origin_of(manifest: Manifest) -> Origin:
    """What the bundle was made from."""
    return Origin(manifest.source.name, manifest.source.sha256, manifest.scale)
