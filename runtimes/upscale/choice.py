"""Which artifact of a bundle upscales, where none was named: the fastest good one, timed here once."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dlgsanet.errors import BackendError, InputError, UnavailableError
from dlgsanet.storage import json_text, typed_json
from dlgsanet.storage.atomic import sha256_file
from dlgsanet.storage.shelf import KeptEntries, key_of
from runtimes import open_runner
from runtimes.backends.registry import find_backend
from runtimes.bundle.manifest import LOW_RANK, MANIFEST, Manifest, read_manifest, select
from runtimes.machine.processor import available_threads, this_machine
from runtimes.runner.contract import Runner, RunOptions
from runtimes.runner.tile_family import PictureSizes
from runtimes.upscale.race import preferred
from runtimes.upscale.trial import FamilyTime, require_as_at_birth, try_all

Say = Callable[[str], None]

_USUAL = RunOptions()
_KIND, _FILE = "fastest", "times.json"
_WHAT = "what was timed"


@dataclass(frozen=True)
class KeptTimes:
    """What is kept of the timings on one machine."""

    trials: tuple[FamilyTime, ...]


@contextmanager
def chosen_runner(
    bundle: Path, prefix: str | None, options: RunOptions, say: Say, only_for: PictureSizes | None = None
) -> Iterator[Runner]:
    """Open the artifact that `prefix` means, or the fastest of the bundle that this machine runs as it is meant; of
    several tiles those that pictures go to.

    `say` gets one line with the choice. Without a prefix what the bundle has is timed, once for a machine and its
    versions; passed over, with its reason said, is what is missing here, crashes, runs in another precision, shows less
    than when it was exported, overflows in INT8 on this processor, or is approximate in any precision. Raises as
    `open_runner`, and UnavailableError when none can run.
    """
    manifest = read_manifest(bundle)
    if manifest.source.foreign and (tiling := manifest.source.foreign.tiling):
        say(f"tiling is {tiling}: `dlgsanet check {bundle} --data FOLDER` tells what it costs on your pictures")
    if prefix is not None:
        with _opened(bundle, prefix, options, only_for) as run:
            if note := run.info.precision_mismatch or run.info.caution:
                say(f"note: {note}")
            yield run
        return
    trials = _trials(bundle, manifest, options, say)
    reasons = [trial.reason for trial in trials if trial.ms is None]
    left = list(trials)
    while order := ranked(left):
        left.remove(trial := order[0])  # without it others may be near the fastest
        with ExitStack() as stack:
            try:
                run = stack.enter_context(_opened(bundle, trial.family, options, only_for))
                if not trial.checked:
                    artifact = next(it for it in select(manifest, trial.family) if it.tile in run.tiles)
                    require_as_at_birth(bundle, manifest, artifact, run)
            except (UnavailableError, BackendError) as error:
                say(f"passed over {trial.family}: {error}")
                reasons.append(str(error))
                continue
            say(f"using {run.info.artifact} on {run.info.device} ({run.info.reported_precision}){_why(trial, trials)}")
            yield run
            return
    said = f"no artifact of '{bundle}' can run here: {'; '.join(reasons) or 'it has none'}"
    raise InputError(said) if _some_damaged(trials) else UnavailableError(said)


def _opened(bundle: Path, prefix: str, options: RunOptions, only_for: PictureSizes | None) -> Runner:
    return open_runner(
        bundle,
        prefix,
        device=options.device,
        threads=options.threads,
        streams=options.streams,
        cache=options.cache,
        only_for=only_for,
    )


def ranked(trials: Sequence[FamilyTime]) -> list[FamilyTime]:
    """Those that run, the one to take first; what was not held against its export stands behind what was. Of near ones
    the first of the manifest leads: the more exact ones come first there."""
    ranks = []
    for checked in (True, False):
        timed = {trial.family: trial for trial in trials if trial.ms is not None and trial.checked == checked}
        ranks += [timed[family] for family in preferred({it: trial.ms or 0.0 for it, trial in timed.items()})]
    return ranks


def _some_damaged(trials: Sequence[FamilyTime]) -> bool:
    return any(trial.damaged for trial in trials)


def _why(taken: FamilyTime, trials: Sequence[FamilyTime]) -> str:
    others = [trial for trial in trials if trial.ms is not None and trial is not taken]
    if not others:
        whole = " of those that are undamaged" if _some_damaged(trials) else ""
        return f", the only one{whole} that runs here"
    next_best = min(others, key=lambda it: it.ms or 0.0)
    return (
        f", the fastest of {len(others) + 1} here: {taken.ms:.3g} ms a tile, {next_best.family} {next_best.ms:.3g}; "
        "--artifact takes another"
    )


def _trials(bundle: Path, manifest: Manifest, options: RunOptions, say: Say) -> Sequence[FamilyTime]:
    """Of every family in the order of the manifest, from the cache or timed now."""
    left_out = _left_out(manifest)
    key, families = _key(bundle, manifest, options), _families(manifest)
    if (known := _recall(KeptEntries(options.cache), key, families)) is not None:
        return known
    say(f"timing {len(families)} artifacts of this bundle, once on this machine")
    found = try_all(bundle, families, options)
    for trial in found.families:
        if trial.ms is None:
            say(f"passed over {trial.family}: {trial.reason}")
    for family, reason in left_out.items():
        say(f"passed over {family}: {reason}; take it by --artifact")
    if not found.steady:
        say("this machine is busy: they are timed again next time")
    elif ranked(found.families) and not _some_damaged(found.families):
        KeptEntries(options.cache).keep(_KIND, key, {_FILE: typed_json.encode(KeptTimes(found.families)).encode()})
    return found.families


def known_choice(bundle: Path, options: RunOptions = _USUAL) -> str | None:
    """The family that is taken here unasked, from the cache; None where nothing was timed yet."""
    manifest = read_manifest(bundle)
    known = _recall(KeptEntries(), _key(bundle, manifest, options), _families(manifest))
    return ranked(known)[0].family if known else None


def _families(manifest: Manifest) -> list[str]:
    """Those that are tried, in the order of the manifest."""
    left_out = _left_out(manifest)
    return list(dict.fromkeys(it.family for it in manifest.artifacts if it.family not in left_out))


def _left_out(manifest: Manifest) -> dict[str, str]:
    """Families that are never taken unasked, and why."""
    plain = {artifact.backend for artifact in manifest.artifacts if artifact.precision == "fp32"}
    reasons: dict[str, str] = {}
    for artifact in manifest.artifacts:
        if artifact.variant == LOW_RANK:
            reasons[artifact.family] = "it is approximate in any precision"
        elif artifact.precision == "int8w" and artifact.backend in plain:
            reasons[artifact.family] = "it computes in fp32, from a smaller file"
    return reasons


def _recall(shelf: KeptEntries, key: str, families: Sequence[str]) -> tuple[FamilyTime, ...] | None:
    if (found := shelf.recall(_KIND, key)) is None:
        return None
    try:
        tried = typed_json.decode(KeptTimes, json_text.parse(found.get(_FILE, b""), _WHAT, ""), _WHAT)
    except InputError:  # of another version
        return None
    return tried.trials if [trial.family for trial in tried.trials] == list(families) else None


def _key(bundle: Path, manifest: Manifest, options: RunOptions) -> str:
    """All that the times depend on: the bundle, the machine, how it is to run, and the engines' versions."""
    engines = {artifact.backend for artifact in manifest.artifacts}
    versions = {name: _version(name) for name in sorted(engines)}
    machine = [*this_machine(), available_threads(), platform.python_version()]
    told = [sha256_file(bundle / MANIFEST), machine, options.device, options.threads, versions]
    return key_of(json.dumps(told))


def _version(backend: str) -> str:
    """Of the engine, without importing it; empty where it is not there."""
    try:
        return version(find_backend(backend).engine.module.replace("_", "-"))
    except (PackageNotFoundError, UnavailableError):
        return ""
