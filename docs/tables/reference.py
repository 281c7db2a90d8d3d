"""Tables that are made from the code itself: verbs, exit codes, manifest, result records, families of networks."""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from benchmarks.records.result_file import ResultFile
from dlgsanet.__main__ import VERBS, _room_application
from dlgsanet.errors import ExitCode
from dlgsanet.training.configuration.read import STAGES, TABLES
from dlgsanet.training.configuration.sections import StageSection
from export.targets import choice
from runtimes.bundle.records import Manifest
from runtimes.file_formats.markdown import markdown_table

EXITS = {
    ExitCode.OK: "good",
    ExitCode.GATE: "an accuracy gate failed, or an output is no picture",
    ExitCode.USAGE: "wrong usage, configuration or input",
    ExitCode.UNAVAILABLE: "not measurable here: a backend or device is missing, and the message names it",
    ExitCode.SPEED: "a speed gate (`--require`) failed",
    ExitCode.INTERNAL: "an internal error, or a backend that crashed",
    ExitCode.INTERRUPTED: "interrupted",
}


NETWORKS = Path(__file__).resolve().parents[2] / "export" / "networks"
FAMILIES = {
    "`torch`": ("torch_module/factory.py",),
    "`spandrel`": ("torch_module/spandrel_file.py",),
    "what both share": tuple(
        f"torch_module/{name}.py"
        for name in ("ending", "loaded", "network", "one_input", "picture_reads", "same_again", "tracing")
    ),
    "`dlgsanet`": ("dlgsanet",),
    "`onnx`": ("onnx_file",),
}
"""Files or folders below `NETWORKS`. The folders of the last two hold all that their families need."""
_NO_CODE = frozenset({
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
})  # fmt: skip


def verbs() -> str:
    """Every verb with its arguments and options, as typer knows them."""
    return "\n\n".join(_verb(name) for name in VERBS)


def exit_codes() -> str:
    """What the command returns to the shell."""
    return markdown_table(("code", "meaning"), [(str(code.value), EXITS[code]) for code in ExitCode])


def families() -> str:
    """What each family of networks is made of, in lines of code."""
    rows = []
    for name, places in FAMILIES.items():
        parts = ", ".join(f"`{place}`" if place.endswith(".py") else f"`{place}/`" for place in places)
        files = [file for place in places for file in family_files(place)]
        rows.append((name, parts, str(sum(code_lines(file.read_text(encoding="utf-8")) for file in files))))
    return markdown_table(("family", "below `export/networks/`", "lines of code"), rows)


def family_files(place: str) -> list[Path]:
    """A file of a family, or all in its folder."""
    path = NETWORKS / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def code_lines(source: str) -> int:
    """Lines that hold a part of a statement: no comments, no empty lines, no strings that stand alone (docstrings)."""
    found: set[int] = set()
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            statement.append(token)
        elif token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if any(part.type != tokenize.STRING for part in statement):
                found.update(line for part in statement for line in range(part.start[0], part.end[0] + 1))
            statement = []
    return len(found)


def manifest() -> str:
    """`manifest.json`, object by object."""
    return "\n\n".join(_fields(kind) for kind in _objects(Manifest))


def records() -> str:
    """The file of `check --json` and `bench --json`, then every object in it."""
    return "\n\n".join(_fields(kind) for kind in _objects(ResultFile))


def _objects(root: type) -> list[type]:
    """A dataclass and all that its fields hold, from the outside in."""
    found: list[type] = []
    ahead: list[Any] = [root]
    while ahead:
        kind = ahead.pop(0)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            ahead += () if kind in found else get_type_hints(kind).values()
            found += () if kind in found else (kind,)
        else:
            ahead = [*get_args(kind), *ahead]
    return found


def default_targets() -> str:
    """What `export` makes when nothing is named, in words."""
    names = ", ".join(f"`{row.name}`" for row in choice.default_targets())
    return (
        f"Without `--to` the default targets are exported, as far as their packages are installed: {names}. Targets of "
        "other machines (Core ML, TensorRT) and opt-in ones are exported when `--to` or `--precision` names them."
    )


def recipe() -> str:
    """The keys of a training configuration, table by table."""
    tables = {f"[{name}]": section for name, section in TABLES.items()} | {f"[[{STAGES}]]": StageSection}
    return "\n\n".join(_fields(section, f"`{name}`") for name, section in tables.items())


def _either(text: str) -> str:
    """A bar in code inside a table: GitHub and the site escape it in different ways."""
    return re.sub(r" ?\| ?", " or ", text)


def _verb(name: str) -> str:
    command = typer.main.get_command(_room_application(name)).commands[name]  # type: ignore[attr-defined]
    usage = " ".join(["dlgsanet", name, *(word for parameter in command.params for word in _usage(parameter))])
    parts = [f"## {name}", _plain(command.help), f"```\n{usage} [OPTIONS]\n```"]
    rows = [(_spelled(it), _plain(it.help), _default(it)) for it in sorted(command.params, key=_is_option)]
    return "\n\n".join([*parts, markdown_table(("", "what", "default"), rows)] if rows else parts)


def _is_option(parameter: Any) -> bool:
    """What is given without a name stands first."""
    return bool(parameter.param_type_name != "argument")


def _plain(text: str | None) -> str:
    """Help as Markdown: a bracket is no link."""
    return (text or "").replace("[", "\\[")


def _usage(parameter: Any) -> Iterator[str]:
    """What must be given, in the usage line."""
    if parameter.param_type_name == "argument":
        yield parameter.metavar or str(parameter.name).upper()
    elif parameter.required:
        yield f"{parameter.opts[0]} {parameter.metavar or str(parameter.name).upper()}"


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or str(parameter.name).upper()}`"
    value = f" {_either(parameter.metavar)}" if parameter.metavar else ""
    return f"`{', '.join([*parameter.opts, *parameter.secondary_opts])}{value}`"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False or callable(value) or value in ((), []):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _fields(cls: Any, title: str = "") -> str:
    """A dataclass that is a schema: its description, and a row for each field."""
    text = " ".join((inspect.getdoc(cls) or "").split())
    rows = [(f"`{it.name}`", f"`{_either(str(it.type))}`", _constant(it)) for it in dataclasses.fields(cls)]
    return f"### {title or cls.__name__}\n\n{text}\n\n" + markdown_table(("field", "type", "default"), rows)


def _constant(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "required" if field.default_factory is dataclasses.MISSING else "empty"
    return "null" if field.default is None else f"`{field.default!r}`"
