"""The verbs of this room: `doctor`, `build`, `card`, `verify`, `repository`, `upscale`. They need no torch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlgsanet.command_line.streams import put_json
from dlgsanet.command_line.verbs import add_verb
from dlgsanet.command_line.voice import Voice, tell
from dlgsanet.errors import InputError
from runtimes.backends.coreml import ENGINE as COREML
from runtimes.backends.tensorrt.building.options import BuildOptions
from runtimes.serving.options import RepositoryOptions
from runtimes.upscale.options import UpscaleOptions

if TYPE_CHECKING:
    from runtimes.backends.tensorrt.building.run import Built
    from runtimes.doctor import Report
    from runtimes.upscale.plan import LoadModel
    from runtimes.upscale.video.run import VideoDone


@dataclass(frozen=True)
class DoctorOptions:
    """How the doctor reports."""

    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False


@dataclass(frozen=True, kw_only=True)
class BuildRequest(BuildOptions):
    """Which bundle's engines to build, how, and how to report it."""

    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")]
    as_json: Annotated[bool, typer.Option("--json", help="Print the engines as JSON.")] = False


@dataclass(frozen=True)
class VerifyOptions:
    """Which bundle to verify, and against what."""

    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")]
    digest: Annotated[str | None, typer.Option(help="SHA-256 that it must have, from whoever made it.")] = None
    engines: Annotated[
        bool, typer.Option("--engines", help="Allow engines that `build` made here; they are no part of the digest.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print digest and files as JSON.")] = False


@dataclass(frozen=True)
class CardOptions:
    """Of which packages to show the card."""

    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")]
    artifact: Annotated[str, typer.Option(help="Only Core ML artifacts whose names begin so.")] = COREML.name
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False


def register(app: typer.Typer, load_model: LoadModel | None = None) -> None:
    """Add this room's verbs. `load_model` maps a shipped name or path to a NumPy callable with a `scale`:
    only the front door has it, this room knows no torch; without it `upscale --model` says what is
    missing."""
    add_verb(app, "doctor", DoctorOptions, doctor)
    add_verb(app, "build", BuildRequest, build)
    add_verb(app, "card", CardOptions, card)
    add_verb(app, "verify", VerifyOptions, verify)
    add_verb(app, "repository", RepositoryOptions, repository)

    def upscale(options: UpscaleOptions, voice: Voice) -> None:
        """Upscale image files and folders, or a video; transparency, bit depth, sound and times are kept."""
        _upscale(options, voice, load_model)

    add_verb(app, "upscale", UpscaleOptions, upscale)


def doctor(options: DoctorOptions, voice: Voice) -> None:
    """Show what this machine can run, proved by a tiny computation of every backend."""
    from dataclasses import asdict

    from runtimes.doctor import examine_all, require_runner

    with voice.progress() as step:
        report = examine_all(lambda name: step(f"probing {name}"))
    if options.as_json:
        put_json(asdict(report))
    else:
        _print_report(report)
    require_runner(report)


def _print_report(report: Report) -> None:
    machine = report.machine
    memory = f", {machine.memory_mb} MB" if machine.memory_mb else ""
    lines = [f"{machine.cpu}: {machine.threads} cores{memory}"]
    lines += [f"{machine.system}, Python {machine.python}", ""]
    width = max(13, *(len(row.name) for row in report.backends))
    for row in report.backends:
        found = [
            f"{device.name} ({device.description}): "
            f"{device.fault or ' '.join(device.precisions) or 'precisions not known'}"
            for device in row.devices
        ]
        head = f"{row.name:<{width}} {row.status:<10} {row.version or '':<12}"
        lines += [f"{head} {line}" for line in found or [row.note]]
    tell(*lines)


def build(options: BuildRequest, voice: Voice) -> None:
    """Build a bundle's TensorRT engines on the device that will run them."""
    from runtimes.backends.tensorrt.building.plan import plan_build
    from runtimes.backends.tensorrt.building.run import run_build

    finished: list[Built] = []

    def done(built: Built) -> None:
        finished.append(built)
        if not options.as_json:
            tell(*built.lines())
            sys.stdout.flush()

    try:
        plan = plan_build(options.bundle, options)
        with voice.progress() as step:
            step("building")
            run_build(plan, voice.note, done)
    finally:  # what was built stays, whatever became of the rest
        if options.as_json:
            put_json([built.facts() for built in finished])


def card(options: CardOptions, voice: Voice) -> None:
    """Show what Core ML packages ask of the Neural Engine, and how much of fp16 real pictures use.

    A note says which artifact `upscale` takes on this machine.
    """
    from dataclasses import asdict

    from runtimes.backends.coreml.package_cards import describe, package_cards
    from runtimes.upscale.choice import known_choice

    taken = known_choice(options.bundle)
    voice.note(f"upscale takes {taken} here" if taken else "upscale takes the fastest; it has timed none here yet")
    with voice.progress() as step:
        step("running the packages' programs on the bundle's pictures")
        found = package_cards(options.bundle, options.artifact)
    if options.as_json:
        put_json({name: asdict(package) for name, package in found.items()})
        return
    for name, package in found.items():
        tell(*describe(name, package))


def verify(options: VerifyOptions, voice: Voice) -> None:
    """Check every file of a bundle against its manifest, refuse what is not in it, and print one digest of all.

    The hashes find accidents. The digest, sent another way than the bundle, also tells whether it is the one that was
    meant. Nothing is loaded into an engine.
    """
    from dataclasses import asdict

    from runtimes.bundle.whole import require_digest, verify_whole

    whole = verify_whole(options.bundle, engines=options.engines)
    if options.digest is not None:
        require_digest(whole, options.digest, options.bundle)
    if options.as_json:
        put_json({"bundle": str(options.bundle), **asdict(whole), "compared": options.digest is not None})
        return
    tell(f"{whole.digest}  {options.bundle}")
    voice.note(f"{whole.files} files, {whole.bytes / 1e6:.1f} MB: every hash is right, and nothing else is there")
    for engine in whole.engines:
        voice.note(f"no part of the digest: {engine}")
    if options.digest is not None:
        voice.note("the digest is the one that was expected")


def repository(options: RepositoryOptions, voice: Voice) -> None:
    """Write a bundle's artifacts in the layout and configuration of a model server, with a README that starts it."""
    from runtimes.serving.repository import MARKER, plan_repository, write_repository

    planned = plan_repository(options)
    write_repository(planned, options.output, options.force)
    if options.as_json:
        put_json(
            {
                "repository": str(options.output),
                "server": planned.server,
                "models": {one.name: one.artifact.id for one in planned.models},
                "passed": {one.artifact.id: one.reason for one in planned.passed},
            }
        )
        return
    tell(*(f"{options.output / one.name}" for one in planned.models))
    for one in planned.passed:
        voice.note(f"not served: {one.artifact.id}: {one.reason}")
    voice.note(f"how to start and judge it: {options.output / MARKER}")


def _upscale(options: UpscaleOptions, voice: Voice, load_model: LoadModel | None) -> None:
    from dlgsanet.imaging.limits import at_most
    from runtimes.upscale.plan import UpscalePlan, plan_upscale
    from runtimes.upscale.run import Upscaled, run_upscale
    from runtimes.upscale.standard import DASH, through_files

    if options.ray is not None:
        _upscale_on_many(options, voice)
        return
    if options.for_fleets():
        raise InputError(f"{' and '.join(options.for_fleets())}: give --ray, too, or leave it out")
    done: Upscaled | VideoDone
    with at_most(options.max_megapixels), through_files(options) as given:
        plan = plan_upscale(given, load_model, voice)
        if isinstance(plan, UpscalePlan):
            done = run_upscale(plan, voice)
        else:
            from runtimes.upscale.video.run import run_video  # pictures are to start without what videos need

            done = run_video(plan, voice)
    if options.as_json:
        put_json(done.facts())
    elif options.output != DASH:
        tell(*(str(target) for target in done.targets))
    if isinstance(done, Upscaled):
        done.require_all()


def _upscale_on_many(options: UpscaleOptions, voice: Voice) -> None:
    from runtimes.upscale.fleet.estimate import FleetEstimate
    from runtimes.upscale.fleet.run import run_fleet

    done = run_fleet(options, voice)
    if options.as_json:
        put_json(done.facts())
    else:
        tell(done.line())
    if not isinstance(done, FleetEstimate):
        done.require_all()
