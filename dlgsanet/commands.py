"""The verbs of this room: `train` and `cache`."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlgsanet.command_line.streams import put_json
from dlgsanet.command_line.verbs import add_verb
from dlgsanet.command_line.voice import PLAIN, Voice, tell
from dlgsanet.command_line.words import completing
from dlgsanet.errors import unknown
from dlgsanet.imaging.limits import DEFAULT_MEGAPIXELS, MaxMegapixels, at_most
from dlgsanet.storage.cache_folder import KINDS, Lying, clear, lying, user_cache

if TYPE_CHECKING:
    from dlgsanet.training.configuration.read import TrainConfig


@dataclass(frozen=True)
class TrainOptions:
    """What to train, and where its files go."""

    config: Annotated[
        Path,
        typer.Argument(help="TOML file: [model] [data] [schedule] [optimizer] [loss] [distill] [run] [[stages]]."),
    ]
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder of the run; an unfinished run goes on. Default: runs/NAME."),
    ] = None
    cache: Annotated[Path, typer.Option(help="Where prepared pixels are kept.")] = Path("runs/cache")
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Time a few steps, print steps, memory and hours; write nothing.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print the estimate, or the checkpoint, as JSON.")] = False

    @property
    def folder(self) -> Path:
        """Where the run's files go."""
        return self.output or Path("runs") / self.config.stem


class CacheAction(str, Enum):
    """What `cache` does."""

    SHOW = "show"
    CLEAR = "clear"


@dataclass(frozen=True)
class CacheOptions:
    """What is done about what is kept, and which of it."""

    action: Annotated[CacheAction, typer.Argument(help="Show what is kept, or remove it.")] = CacheAction.SHOW
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", autocompletion=completing(KINDS), help="Only this kind; `cache` names them."),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print what there is, or what was removed, as JSON.")] = False


@dataclass(frozen=True)
class TrainPlan:
    """A run whose configuration is read and whose folder can be written; torch is not needed to make it."""

    config: TrainConfig
    folder: Path
    cache: Path


def register(app: typer.Typer) -> None:
    """Add this room's verbs to the command."""
    add_verb(app, "train", TrainOptions, train)
    add_verb(app, "cache", CacheOptions, cache)


def cache(options: CacheOptions, voice: Voice) -> None:
    """Show what is kept on this machine for the next time, with sizes and ages, or remove it.

    Everything can be made again. What was not used for longest goes by itself when all of it together becomes too
    large.
    """
    from dlgsanet.storage.shelf import LIMIT

    if options.kind is not None and options.kind not in KINDS:
        raise unknown("kind", options.kind, KINDS)
    kinds = [it for it in KINDS if options.kind in (None, it)]
    if options.action is CacheAction.CLEAR:
        removed = {kind: clear(kind) for kind in kinds}
        if options.as_json:
            put_json({"folder": str(user_cache()), "removed_bytes": removed})
            return
        tell(f"removed {sum(removed.values()) / 1e6:.1f} MB from {user_cache()}")
        return
    found = [it for it in lying() if it.kind in kinds and (it.entries or options.kind)]
    if options.as_json:
        put_json({"folder": str(user_cache()), "limit_bytes": LIMIT, "kinds": [asdict(it) for it in found]})
        return
    tell(*(_line(it) for it in found))
    total = sum(it.bytes for it in found) / 1e6
    voice.note(f"{total:.1f} MB in {user_cache()}; `dlgsanet cache clear [KIND]` removes them")


def _line(found: Lying) -> str:
    """`graphs   3 entries   1.9 MB  networks rewritten, with their proofs; used 2 hours ago, the oldest 3 days`."""
    used = ""
    if found.newest is not None and found.oldest is not None:
        newest, oldest = _age(found.newest), _age(found.oldest)
        used = f"; used {newest} ago" + (f", the oldest {oldest}" if oldest != newest else "")
    return f"{found.kind:<13}{found.entries:>6} entries {found.bytes / 1e6:>9.1f} MB  {found.what}{used}"


def _age(then: float) -> str:
    seconds = max(0.0, datetime.now(timezone.utc).timestamp() - then)
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"


def plan_train(options: TrainOptions) -> TrainPlan:
    """Read the configuration. Raises InputError for one that cannot be, or a place that cannot be written."""
    from dlgsanet.storage.atomic import require_writable_folder
    from dlgsanet.training.configuration.read import read_config

    config = read_config(options.config)
    if not options.dry_run:  # which writes nothing
        require_writable_folder(options.folder)
        require_writable_folder(options.cache)
    return TrainPlan(config, options.folder, options.cache)


def train(options: TrainOptions, voice: Voice) -> None:
    """Train a network on folders of photographs; interrupt with Ctrl-C, go on with the same command.

    Under torchrun it trains in many processes: torchrun --nproc_per_node 8 -m dlgsanet train CONFIG
    """
    with at_most(options.max_megapixels):
        _train(options, voice)


def _train(options: TrainOptions, voice: Voice) -> None:
    plan = plan_train(options)
    if options.dry_run:
        _estimate(plan.config, options.as_json)
        return
    voice = voice if _leads() else Voice(quiet=True)
    from dlgsanet.command_line.console import PlainConsole
    from dlgsanet.training.run import train as run

    console = PlainConsole(stderr=True, quiet=voice.quiet, soft_wrap=True)
    checkpoint = run(plan.config, plan.folder, plan.cache, console)
    if options.as_json and _leads():
        put_json({"checkpoint": str(checkpoint)})
    voice.note(f"trained: {checkpoint}")
    voice.note(f"next: dlgsanet export {checkpoint} -o bundle")


def _leads() -> bool:
    """Of the processes under torchrun, one speaks."""
    return os.environ.get("RANK", "0") == "0"


def _estimate(config: TrainConfig, as_json: bool) -> None:
    from dlgsanet.training.estimate import count_images, estimate

    found, images = estimate(config), count_images(config)
    if not _leads():
        return
    if as_json:
        put_json({**found.facts(), "training_images": images})
    else:
        for line in (*found.lines(), f"training images: {images}"):
            PLAIN.note(line)
