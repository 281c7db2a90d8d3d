"""A verb of the command from a frozen dataclass of options: each option is written once, as a field.

    @dataclass(frozen=True)
    class CheckOptions:
        bundle: Annotated[Path, typer.Argument(help="A bundle.")]
        artifacts: Annotated[tuple[str, ...], typer.Option("--artifact", help="Beginning of a name.")] = ()
        threads: Annotated[int | None, typer.Option(min=1, show_default=False)] = None

    def check(options: CheckOptions, voice: Voice) -> None:
        '''Judge every artifact.'''

    add_verb(app, "check", CheckOptions, check, from_file=True)

A field without typer's annotation is not on the command line and keeps its default. A tuple is an option that may be
repeated, or an argument that takes several. Every verb gets -q and -v, and with `from_file` also --options FILE.
Keep the options in a module of their own that imports little: it is read whenever somebody asks for help.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.models import ParameterInfo

from dlgsanet.command_line.options_file import take_defaults
from dlgsanet.command_line.voice import Voice

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")

QUIET = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but results and errors.")]
VERBOSE = Annotated[bool, typer.Option("-v", "--verbose", help="Say every step on a line of its own.")]


def add_verb(
    app: typer.Typer,
    name: str,
    options: type[Options],
    run: Callable[[Options, Voice], None],
    *,
    from_file: bool = False,
) -> None:
    """Add the verb `name`, whose help is the docstring of `run`."""
    app.command(name, help=inspect.getdoc(run))(_command(options, run, name if from_file else None))


def _command(options: type[Options], run: Callable[[Options, Voice], None], table: str | None) -> Callable[..., None]:
    """A function as typer wants it: one parameter for each option."""
    hints = get_type_hints(options, include_extras=True)
    shown = [field for field in fields(options) if _is_shown(hints[field.name])]
    several = {field.name for field in shown if _is_tuple(hints[field.name])}

    def command(quiet: bool, verbose: bool, options_file: Path | None = None, **given: Any) -> None:
        values = {name: tuple(value or ()) if name in several else value for name, value in given.items()}
        run(options(**values), Voice(quiet, verbose))

    parameters = [_parameter(field, hints[field.name]) for field in shown]
    if table is not None:
        parameters.append(_keyword("options_file", _file_option(table), None))
    parameters += [_keyword("quiet", QUIET, False), _keyword("verbose", VERBOSE, False)]
    vars(command)["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _is_shown(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(isinstance(it, ParameterInfo) for it in get_args(hint)[1:])


def _is_tuple(hint: Any) -> bool:
    return get_origin(get_args(hint)[0]) is tuple


def _parameter(field: Field[Any], hint: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    if _is_tuple(hint):
        kind, *told = get_args(hint)
        needed = default is inspect.Parameter.empty
        several = GenericAlias(list, (get_args(kind)[0],))
        hint = Annotated[(several if needed else several | None, *told)]
        default = default if needed else None
    return _keyword(field.name, hint, default)


def _keyword(name: str, hint: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)


def _file_option(table: str) -> Any:
    return Annotated[
        Path | None,
        typer.Option(
            "--options",
            metavar="FILE",
            is_eager=True,
            callback=take_defaults(table),
            show_default=False,
            help=f"TOML file whose table [{table}] has further options; the command line wins.",
        ),
    ]
