"""What one actor does: it opens the artifact of its kind of machine once, and upscales file after file."""

from __future__ import annotations

import errno
import importlib
import platform
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import TypeAlias

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import EdgeError, InputError, one_line
from dlgsanet.imaging.limits import at_most
from runtimes.bundle.manifest import read_manifest
from runtimes.machine.clock import now_ms
from runtimes.machine.processor import cpu_name
from runtimes.runner.contract import Runner, RunOptions
from runtimes.upscale.choice import chosen_runner
from runtimes.upscale.fleet.begun import begin, end
from runtimes.upscale.fleet.items import FleetItem, is_film, item_of
from runtimes.upscale.fleet.parcel import Parcel, unpack
from runtimes.upscale.fleet.record import DONE, ELSEWHERE, FAILED, JOINED, THERE, FileOutcome
from runtimes.upscale.fleet.store import Store
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import UpscalePlan, plan_jobs
from runtimes.upscale.run import run_upscale
from runtimes.upscale.targets import PictureSource

ATTEMPTS = 3
"""How often an actor tries a picture that it cannot upscale before that is written down."""

NODE = "node"
"""Of a row that an actor returns: Ray's name of its machine."""

DEATHS = 4
"""How many processes a file may end before it is written down."""

PAUSE_S = 2.0
"""Of an actor whose machine cannot work: it must not draw all files to itself by failing faster than others work."""

_OF_MACHINES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})

Ref: TypeAlias = object
"""Of an object in Ray's store, which every machine fetches once."""

_QUIET = Voice(quiet=True)


@dataclass(frozen=True)
class Task:
    """All that an actor needs; picklable. `parcel`: of the bundle, or Ray's reference to one. `families`: kind of
    machine -> artifact. `keep`: False only measures. `counter`: name of the `Begun` of the job."""

    parcel: Parcel | Ref
    families: dict[str, str]
    options: UpscaleOptions
    source: Store
    target: Store
    keep: bool = True
    counter: str = ""


def ended(times: int) -> str:
    """Why a file is written down that ended so many processes: the first of all is not counted where it was an actor's
    first process."""
    return f"its process ended {times} times at least"


def machine_kind(options: UpscaleOptions) -> str:
    """Machines of one kind run one artifact, so that it does not matter which of them a picture comes to."""
    return f"{cpu_name()}, {platform.system()} {platform.machine()}, {options.device}, {options.threads} threads"


def _parcel(task: Task) -> Parcel:
    if isinstance(task.parcel, Mapping):
        return task.parcel
    parcel: Parcel = importlib.import_module("ray").get(task.parcel)
    return parcel


def _this_node() -> str:
    node: str = importlib.import_module("ray").get_runtime_context().get_node_id()
    return node


class Upscaler:
    """An actor of Ray Data: a row in, its outcome as a row out. An error of a picture never leaves it."""

    def __init__(self, task: Task) -> None:
        """Where no artifact can be opened the actor says so of every file, for others to take."""
        self._task = task
        self._stack = ExitStack()
        self._broken = ""
        self._node = _this_node() if task.counter else ""
        self._films: Runner | None = None
        self._film_here: str | None = None
        if (times := begin(task.counter, None)) > DEATHS:
            self._broken = f"opening the artifact: {ended(times - 1)}"
            return
        try:
            self._open(task)
        except (EdgeError, OSError) as error:
            self._broken = one_line(str(error))
            self._stack.close()
        end(task.counter, None)

    def _open(self, task: Task) -> None:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="dlgsanet-fleet-")))
        bundle = unpack(_parcel(task), self._folder / "bundle")
        options = task.options
        family = options.artifact or task.families.get(machine_kind(options))
        wanted = RunOptions(options.device, options.threads, cache=options.cache)
        self._run = self._stack.enter_context(chosen_runner(bundle, family, wanted, lambda line: None))
        self._options = replace(options, bundle=bundle, ray=None)

    def __call__(self, row: Mapping[str, object]) -> dict[str, object]:
        """The row of a FleetItem -> a FileOutcome, with the number of its piece, and where that was."""
        item = item_of(row)
        return {**asdict(self._told(item)), "piece": item.piece, "pieces": item.pieces, NODE: self._node}

    def _told(self, item: FleetItem) -> FileOutcome:
        if self._broken:
            return self._elsewhere(item, self._broken)
        times = begin(self._task.counter, item.key)
        if times > DEATHS:
            reason = ended(times - 1)
            found = FileOutcome(item.source, item.target, FAILED, "", "", platform.node(), 0.0, reason=reason)
        else:
            found = self._outcome(item)
        end(self._task.counter, item.key)
        return found

    def _elsewhere(self, item: FleetItem, reason: str) -> FileOutcome:
        Event().wait(PAUSE_S)
        return FileOutcome(item.source, item.target, ELSEWHERE, "", "", platform.node(), 0.0, reason=reason)

    def _outcome(self, item: FleetItem) -> FileOutcome:
        start = now_ms()
        status, attempts, reason, megapixels = FAILED, 0, "", 0.0
        while status == FAILED and attempts < ATTEMPTS:
            attempts += 1
            try:
                status, megapixels = self._try(item)
            except Exception as error:  # noqa: BLE001  (one picture stops no other)
                named = str(error) if isinstance(error, EdgeError) else f"{type(error).__name__}: {error}"
                reason = re.sub(rf"{re.escape(str(self._folder))}/[^/]+/(in|out)/", "", named)
                if _is_of_the_machine(error):
                    return self._elsewhere(item, reason)
        info = (self._films if self._films and is_film(item.target) else self._run).info
        return FileOutcome(
            source=item.source or self._task.source.url,
            target=item.target,
            status=status,
            artifact=info.artifact,
            precision=info.reported_precision,
            machine=platform.node(),
            seconds=round((now_ms() - start) / 1e3, 3),
            megapixels=round(megapixels, 6),
            attempts=attempts,
            reason="" if status != FAILED else reason,
        )

    def _try(self, item: FleetItem) -> tuple[str, float]:
        """The status and the source's megapixels. Raises EdgeError."""
        if self._task.keep and not self._options.force and self._task.target.has(item.target):
            return THERE, 0.0
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            made = Path(folder, "out", Path(item.target).name)
            if is_film(item.target):
                return self._film(item, made)
            given = Path(folder, "in", Path(item.source or self._task.source.url).name)
            given.parent.mkdir()
            self._task.source.fetch(item.source, given)
            megapixels = self._picture(given, made)
            if self._task.keep:
                self._task.target.put(made, item.target)
        return DONE, megapixels

    def _picture(self, given: Path, made: Path) -> float:
        options = replace(self._options, inputs=(given,), output=made)
        with at_most(options.max_megapixels):
            planned = plan_jobs({made: PictureSource(given)}, options, self._run.scale)
            run_upscale(UpscalePlan(planned, nullcontext(self._run), options.overlap), _QUIET)
        job = planned.jobs[0]
        return job.height * job.width / 1e6

    def _film(self, item: FleetItem, made: Path) -> tuple[str, float]:
        """One of its pieces; nothing of a measured film is kept, so that is computed whole."""
        from runtimes.upscale.fleet.films import do_piece  # pictures are to start without what videos need
        from runtimes.upscale.video.plan import plan_video
        from runtimes.upscale.video.run import run_video

        made.parent.mkdir(exist_ok=True)
        run = self._film_runner()
        options = replace(self._options, inputs=(self._fetched_film(item.source),), output=made, form=None)
        plan = plan_video(options, nullcontext(run), run.scale, _QUIET)
        megapixels = plan.clip.height * plan.clip.width / 1e6  # of a frame
        if not self._task.keep:
            return DONE, megapixels * run_video(plan, _QUIET).frames
        frames, joined = do_piece(plan, run, self._task.target, item)
        if joined:
            self._task.target.put(made, item.target)
        return JOINED if joined else DONE, megapixels * frames

    def _fetched_film(self, source: str) -> Path:
        """The film, kept until another one comes: most pieces are followed by one of the same."""
        folder = self._folder / "film" / "in"
        path = folder / Path(source or self._task.source.url).name
        if self._film_here != source:
            self._film_here = None
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._task.source.fetch(source, path)
            self._film_here = source
        return path

    def _film_runner(self) -> Runner:
        """All pieces of a film go through one artifact: that of the first kind of machine, opened here beside this
        kind's own where it is another. Raises _NotHereError."""
        options, kinds = self._task.options, self._task.families
        family = next(iter(kinds.values()), None)
        if self._films is None and (options.artifact or family in (None, kinds.get(machine_kind(options)))):
            self._films = self._run
        if self._films is None:
            wanted = RunOptions(options.device, options.threads, cache=options.cache)
            runner = chosen_runner(self._folder / "bundle", family, wanted, lambda line: None)
            try:
                self._films = self._stack.enter_context(runner)
            except EdgeError as error:
                raise _NotHereError(str(error)) from error
        return self._films


class _NotHereError(EdgeError):
    """Other machines may do it."""


def _is_of_the_machine(error: BaseException | None) -> bool:
    """Whether a full disk or the like is behind an error: the same file may do on another machine."""
    while error is not None:
        if isinstance(error, _NotHereError) or (isinstance(error, OSError) and error.errno in _OF_MACHINES):
            return True
        error = error.__cause__ or error.__context__
    return False


def find_family(task: Task) -> str:
    """The artifact for this kind of machine, timed here. Raises as `chosen_runner`."""
    with tempfile.TemporaryDirectory(prefix="dlgsanet-fleet-") as folder:
        bundle = unpack(_parcel(task), Path(folder))
        wanted = RunOptions(task.options.device, task.options.threads, cache=task.options.cache)
        with chosen_runner(bundle, task.options.artifact, wanted, lambda line: None) as run:
            named = run.info.artifact
            families = {artifact.id: artifact.family for artifact in read_manifest(bundle).artifacts}
            return families.get(named, named)


def require_fleet(options: UpscaleOptions) -> None:
    """Refuse options that mean nothing for many machines. Raises InputError."""
    if options.bundle is None or options.model is not None or options.server is not None:
        raise InputError("--ray needs --bundle, which goes to every machine; leave out --model and --server")
    if options.form == "same":
        raise InputError("--format same looks into files, which lie elsewhere: give png, jpg, webp or tiff")
    if len(options.inputs) != 1:
        raise InputError(f"expected one source with --ray, found {len(options.inputs)}: give the folder of all")
    if options.start is not None or options.duration is not None:
        raise InputError("--start and --duration are for one video; leave them out with --ray")
