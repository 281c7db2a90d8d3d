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
repeated, or an argument that takes several; `Words` beside typer's annotation reads values of other types, and lists
with commas. Every verb gets -q and -v, and with `from_file` also --options FILE.
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
from dlgsanet.command_line.words import Words

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
    """A function as typer wants it: one parameter for each option, what must be given first."""
    hints = get_type_hints(options, include_extras=True)
    shown = [_Parameter(field, hints[field.name]) for field in fields(options) if _is_shown(hints[field.name])]

    def command(quiet: bool, verbose: bool, options_file: Path | None = None, **given: Any) -> None:
        typed = {it.name: it.value(given[it.name]) for it in shown if given[it.name] not in (None, [])}
        run(options(**typed), Voice(quiet, verbose))

    parameters = [it.parameter() for it in sorted(shown, key=lambda it: not it.needed)]
    if table is not None:
        parameters.append(_keyword("options_file", _file_option(table), None))
    parameters += [_keyword("quiet", QUIET, False), _keyword("verbose", VERBOSE, False)]
    vars(command)["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _is_shown(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(isinstance(it, ParameterInfo) for it in get_args(hint)[1:])


class _Parameter:
    """A field as typer sees it, and back: tuples are lists there, and what `Words` reads is text."""

    def __init__(self, field: Field[Any], hint: Any) -> None:
        self.name = field.name
        self.needed = field.default is MISSING
        self._default = field.default
        self._kind, *told = get_args(hint)
        self._told = [it for it in told if isinstance(it, ParameterInfo)]
        self._words = next((it for it in told if isinstance(it, Words)), None)
        self._several = get_origin(self._kind) is tuple

    def parameter(self) -> inspect.Parameter:
        """With the field's default, but for tuples and what is read from text: nothing typed says nothing there."""
        kind: Any = self._kind
        default: object = inspect.Parameter.empty if self.needed else self._default
        if self._several:
            kind = GenericAlias(list, (str if self._words else get_args(kind)[0],))
        elif self._words:
            kind = str
        if not self.needed and (self._several or self._words):
            kind, default = kind | None, None
        return _keyword(self.name, Annotated[(kind, *self._told)], default)

    def value(self, given: Any) -> object:
        """What the field gets for what typer gives."""
        if self._several:
            return self._words.values(given) if self._words else tuple(given)
        return self._words.read(given) if self._words else given


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
