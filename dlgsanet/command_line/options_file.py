"""Options from a table of a TOML file: long names without dashes in front; what the command line says wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from dlgsanet.errors import LONGEST_VALUE, InputError, cut, shown, unknown
from dlgsanet.storage.toml_file import read_toml


def take_defaults(table: str) -> Callable[[typer.Context, Path | None], Path | None]:
    """A callback of an eager option FILE: the table's values become the defaults of the other options.

    It raises InputError for a file without that table, an unknown option, and a value of a wrong kind.
    """

    def callback(context: typer.Context, path: Path | None) -> Path | None:
        if path is not None and not context.resilient_parsing:
            context.default_map = _defaults(context, _table(path, table), f"{path}: [{table}]")
        return path

    return callback


def _table(path: Path, name: str) -> Mapping[str, Any]:
    tables = read_toml(path)
    if name not in tables:
        raise InputError(
            f"expected a table [{name}] in {path}, found {cut(', '.join(tables), LONGEST_VALUE) or 'nothing'}"
        )
    if not isinstance(tables[name], dict):
        raise InputError(f"expected a table [{name}] in {path}, found the value {shown(tables[name])}")
    found: dict[str, Any] = tables[name]
    return found


def _defaults(context: typer.Context, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Parameter's name -> value. Arguments and --options itself are not options here."""
    known = {
        _long_name(parameter): parameter
        for parameter in context.command.params
        if parameter.param_type_name == "option" and not parameter.is_eager
    }
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            raise unknown(f"option in {where}", key, known)
        parameter = known[key]
        values[str(parameter.name)] = _value(parameter, value, f"{where} {key}")
    return values


def _long_name(parameter: Any) -> str:
    return str(max(parameter.opts, key=len)).lstrip("-")


def _value(parameter: Any, value: object, where: str) -> object:
    """The value as the command line would give it; only whether it is a flag or a list is looked at here."""
    flag = bool(getattr(parameter, "is_flag", False))
    if flag != isinstance(value, bool):
        raise InputError(f"expected {'true or false' if flag else 'a value'} at {where}, found {_said(value)}")
    if isinstance(value, list):
        if not parameter.multiple:
            raise InputError(f"expected one value at {where}, found a list; give the one that is meant")
        return [_text(item, where) for item in value]
    return [_text(value, where)] if parameter.multiple else value if flag else _text(value, where)


def _text(value: object, where: str) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
        return str(value)
    raise InputError(f"expected text or a number at {where}, found {_said(value)}")


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else shown(value)
