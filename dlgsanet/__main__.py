"""The front door: `dlgsanet VERB ...`. A table verb -> room; a room is imported only when its verb is used.

So is typer: until it is here, which takes a moment, nobody answers Ctrl-C but Python, with a traceback.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dlgsanet import __version__
from dlgsanet.command_line.streams import lost, patient_streams
from dlgsanet.errors import EdgeError, ExitCode, InputError, UnavailableError, one_line, shown, unknown, visible

if TYPE_CHECKING:
    import typer

COMPLETION = ("--install-completion", "--show-completion")
COMPLETING = "_DLGSANET_COMPLETE"  # set by a shell that asks for words

# verb -> (room, one line of help, extra that brings what the room needs beyond the core)
VERBS = {
    "demo": ("benchmarks", "The whole path on photographs: export a shipped checkpoint, check, bench, report.", "all"),
    "formats": ("export", "The targets: backend, precision and what each needs.", "export"),
    "doctor": ("runtimes", "What this machine can run, proved by a tiny computation per backend.", ""),
    "export": ("export", "Rewrite a checkpoint and write a bundle of proven artifacts.", "export"),
    "build": ("runtimes", "Build a bundle's engine on the device that will run it.", ""),
    "card": ("runtimes", "What Core ML packages ask of the Neural Engine, computed from the saved programs.", ""),
    "verify": ("runtimes", "Check every file of a bundle, and print one digest of all.", ""),
    "repository": ("runtimes", "Write a bundle's artifacts as a model server wants them.", ""),
    "check": ("benchmarks", "The two-sided accuracy gate: against the reference and against HR.", ""),
    "bench": ("benchmarks", "Latency of every artifact, interleaved.", ""),
    "report": ("benchmarks", "One page from one or many machines' result files.", "report"),
    "fleet-plan": ("benchmarks", "How many machines a large job takes, from what one was measured to do.", ""),
    "upscale": ("runtimes", "Upscale image files and folders.", ""),
    "cache": ("dlgsanet", "What is kept on this machine for the next time: show it, clear it.", ""),
    "train": ("dlgsanet", "Train a checkpoint on a folder of photographs.", "train"),
}


def _application() -> Any:
    """The command with all verbs, and shell completion for them."""
    import typer
    from typer.core import TyperGroup

    class Verbs(TyperGroup):
        """A room is imported when one of its verbs is looked up."""

        def list_commands(self, ctx: Any) -> list[str]:
            """In the order of the table."""
            return list(VERBS)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """The verb as its room makes it; None where there is no such verb."""
            if cmd_name not in VERBS:
                return None
            room: Any = typer.main.get_command(_room_application(cmd_name))
            return room.commands[cmd_name]

    app = typer.Typer(cls=Verbs, rich_markup_mode=None)
    app.callback()(lambda: None)
    return typer.main.get_command(app)


def _room_application(verb: str) -> typer.Typer:
    """The room's verbs as one application."""
    import typer

    room = VERBS[verb][0]
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.callback()(lambda: None)  # keeps it a group even when the room has a single verb
    _register(_import(f"{room}.commands"), app, room)
    return app


def _import(module: str) -> Any:
    return importlib.import_module(module)


def _register(commands: Any, app: typer.Typer, room: str) -> None:
    register: Callable[..., None] = commands.register
    if room == "runtimes":
        register(app, load_model=_numpy_model)  # `upscale --model` needs torch, which that room must not know
    else:
        register(app)


def _numpy_model(name_or_path: str) -> Any:
    """The reference model as a NumPy callable with `.scale`, for rooms that know no torch."""
    try:
        from dlgsanet.numpy_model import NumpyModel
    except ModuleNotFoundError as error:
        raise UnavailableError(_missing("--model", error.name or "torch", "torch")) from error
    return NumpyModel.load(name_or_path)


def _missing(what: str, package: str, extra: str) -> str:
    return f"{what} needs the package {package}, found none: pip install 'dlgsanet-edge[{extra or 'all'}]'"


def _overview() -> str:
    width = max(map(len, VERBS)) + 2
    verbs = "\n".join(f"  {verb:<{width}}{line}" for verb, (_, line, _) in VERBS.items())
    return (
        "Usage: dlgsanet VERB [OPTIONS] [ARGUMENTS]\n\n"
        "DLGSANet super-resolution on edge hardware: proven artifacts, honest numbers.\n\n"
        f"Verbs (dlgsanet VERB --help tells more; all take -q and -v):\n{verbs}\n\n"
        "Options:\n  --debug               Show tracebacks.\n  --version             Show the version.\n"
        "  --install-completion  Complete verbs and options in this shell; --show-completion prints the script.\n\n"
        "Exit codes: 0 good, 1 accuracy gate failed, 2 wrong usage or input, 3 not measurable here,\n"
        "4 speed gate failed, 70 internal error or a backend that crashed, 130 interrupted."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code. Errors are one line on stderr, tracebacks only with --debug."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]  # accepted before and after the verb
    if not debug:
        warnings.simplefilter("ignore")  # libraries' remarks on odd files: errors stay one line
    with patient_streams() as output:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no failure
        code = _guarded(words, debug)
        if (reason := lost(output)) is not None:
            told = _fail(reason, ExitCode.USAGE, debug)
            code = told if code == ExitCode.OK else code
        if arguments is None:  # else somebody else's process, which goes on
            from dlgsanet.command_line.signals import over

            over()
        return code


def _guarded(words: list[str], debug: bool) -> int:
    """The exit code, whatever happens."""
    try:
        return _run(words)
    except KeyboardInterrupt:
        # Where text was being executed, as every dataclass is made, Python remembers the interrupt and would end itself
        # by that signal whatever was done about it; executing anything else makes it forget.
        exec("")
        return _fail("interrupted", ExitCode.INTERRUPTED, debug)
    except EdgeError as error:
        return _fail(str(error), error.exit_code, debug)
    except Exception as error:  # noqa: BLE001  (the last line of defence: a bug of ours, said in one line)
        names = {base.__name__ for base in type(error).__mro__}  # newer typers carry a click of their own
        if "Abort" in names:
            return _fail("interrupted", ExitCode.INTERRUPTED, debug)
        if "ClickException" in names:
            return _fail(f"{_usage(error)} Try: dlgsanet {words[0]} --help", ExitCode.USAGE, debug)
        if _is_out_of_memory(error):
            return _fail(f"out of memory ({error}): use a smaller --tile or image", ExitCode.USAGE, debug)
        if isinstance(error, OSError) and error.filename is not None:
            return _fail(f"{error.filename}: {error.strerror}; check the path and its rights", ExitCode.USAGE, debug)
        what = f"{type(error).__name__}: {one_line(str(error), 300)}"
        return _fail(f"internal error: {what} (run it again with --debug and report it)", ExitCode.INTERNAL, debug)


def _usage(error: Any) -> str:
    """The words of typer's click, with the value where pydantic refused it without saying it."""
    said: str = error.format_message()
    refused: Any = getattr(error.__cause__, "errors", list)()
    return f"{said}, found {shown(str(refused[0].get('input')))}." if refused else said


def _is_out_of_memory(error: Exception) -> bool:
    """Python and NumPy say it by a class of their own, PyTorch in words."""
    said = isinstance(error, RuntimeError) and any(it in str(error) for it in ("allocate memory", "out of memory"))
    return said or isinstance(error, MemoryError)


def _run(words: list[str]) -> int:
    if os.environ.get(COMPLETING) or (words and words[0] in COMPLETION):
        return _complete(words)
    if not words or words[0] in ("--help", "-h"):
        print(_overview())  # noqa: T201
        return ExitCode.OK if words else ExitCode.USAGE
    if words[0] == "--version":
        print(f"dlgsanet-edge {__version__}")  # noqa: T201
        return ExitCode.OK
    if words[0] not in VERBS:
        raise unknown("verb", words[0], VERBS)
    _require_no_empty_word(words)
    from dlgsanet.command_line.signals import ends_like_ctrl_c

    with ends_like_ctrl_c():
        return _verb(words)


def _require_no_empty_word(words: Sequence[str]) -> None:
    """Refuse what a shell makes of a variable that is not set: as a path it would be the current folder."""
    for before, word in pairwise(words):
        name, given, value = word.partition("=")
        if not word or (name.startswith("--") and given and not value):
            raise InputError(
                f"expected a value {'for' if word else 'after'} {shown(name if word else before)}, found nothing: "
                "if a variable of the shell stands there, set it"
            )


def _verb(words: list[str]) -> int:
    from dlgsanet.command_line.rooms import ROOMS, require_own, require_sole_owner
    from dlgsanet.command_line.scratch import scratch_folder

    require_own()
    import typer

    try:
        command = _application()
        # Not command.main(): it answers Ctrl-C itself, with a line of its own.
        # What torch compiles for training is kept in the system's temporary folder, and meant to stay.
        scratch = nullcontext() if VERBS[words[0]][0] == "dlgsanet" else scratch_folder()
        with scratch, command.make_context("dlgsanet", words) as context:
            command.invoke(context)
    except typer.Exit as leave:
        return leave.exit_code
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package in ROOMS:
            require_sole_owner(package)
        if package in ROOMS or not isinstance(error, ModuleNotFoundError):
            raise
        raise UnavailableError(_missing(words[0], package, VERBS[words[0]][2])) from error
    return ExitCode.OK


def _complete(words: list[str]) -> int:
    """What typer does for shells: it prints or installs its script, or answers with words, and exits."""
    try:
        _application().main(args=words, prog_name="dlgsanet")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else ExitCode.OK
    return ExitCode.OK


def _fail(message: str, code: ExitCode, debug: bool) -> int:
    if debug:
        sys.stderr.writelines(f"{visible(line)}\n" for line in traceback.format_exc().splitlines())
    sys.stderr.write(f"dlgsanet: {one_line(message)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
