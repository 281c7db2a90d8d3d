"""A verb from a dataclass: what the function gets for what is typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from dlgsanet.__main__ import main
from dlgsanet.command_line.verbs import add_verb
from dlgsanet.command_line.voice import Voice
from dlgsanet.command_line.words import Words
from dlgsanet.errors import ExitCode, InputError


def _pair(text: str) -> tuple[int, int]:
    if "x" not in text:
        raise InputError(f"expected AxB, found {text}")
    a, b = text.split("x")
    return int(a), int(b)


@dataclass(frozen=True)
class Options:
    place: Annotated[Path, typer.Argument(help="A place.")]
    names: Annotated[tuple[str, ...], typer.Option("--name", metavar="NAME", help="A name.")] = ()
    sides: Annotated[tuple[int, ...], typer.Option("--side")] = ()
    threads: Annotated[int | None, typer.Option(min=1, show_default=False)] = None
    limit_db: Annotated[float, typer.Option("--limit")] = 0.05
    crops: Annotated[bool, typer.Option(help="Keep crops.")] = True
    pairs: Annotated[tuple[tuple[int, int], ...], typer.Option("--pair"), Words(_pair, commas=True)] = ((1, 1),)
    rank: Annotated[int | None, typer.Option(), Words(int)] = None
    hidden: str = "kept"


@dataclass(frozen=True)
class Places:
    places: Annotated[tuple[Path, ...], typer.Argument()]


@dataclass(frozen=True)
class Early:
    early: Annotated[int, typer.Option()] = 1


@dataclass(frozen=True, kw_only=True)
class Late(Early):
    output: Annotated[Path, typer.Option()]


def run(kind: type[Options] | type[Places], *words: str) -> tuple[object, Voice]:
    heard: list[tuple[object, Voice]] = []

    def verb(options: object, voice: Voice) -> None:
        """Do it."""
        heard.append((options, voice))

    app = typer.Typer()
    add_verb(app, "verb", kind, verb)
    done = CliRunner().invoke(app, list(words))
    if done.exit_code:
        raise SystemExit(done.output)
    return heard[0]


def test_what_is_not_typed_keeps_the_default_of_its_field() -> None:
    assert run(Options, "here") == (Options(Path("here")), Voice())


def test_every_kind_of_option() -> None:
    words = "here --name a --name b --side 3 --threads 2 --limit 0.1 --no-crops -q -v"
    wanted = Options(Path("here"), ("a", "b"), (3,), 2, 0.1, crops=False)
    assert run(Options, *words.split()) == (wanted, Voice(quiet=True, verbose=True))


def test_values_of_other_types_are_read_from_words() -> None:
    assert run(Options, "here", "--pair", "2x3,4x5", "--pair", "6x7", "--rank", "3")[0] == Options(
        Path("here"), pairs=((2, 3), (4, 5), (6, 7)), rank=3
    )


def test_what_must_be_given_comes_first_whatever_the_order_of_fields() -> None:
    app = typer.Typer(rich_markup_mode=None)
    add_verb(app, "verb", Late, lambda options, voice: None)
    text = CliRunner().invoke(app, ["--help"]).output
    assert text.index("--output") < text.index("--early")


def test_an_argument_may_take_several() -> None:
    assert run(Places, "a", "b")[0] == Places((Path("a"), Path("b")))
    with pytest.raises(SystemExit, match="Missing argument"):
        run(Places)


@pytest.mark.parametrize("words", ["here --threads 0", "here --side x", "here --hidden x"])
def test_what_typer_refuses_is_refused(words: str) -> None:
    with pytest.raises(SystemExit, match="Usage"):
        run(Options, *words.split())


def test_help_says_what_the_fields_and_the_function_say() -> None:
    with pytest.raises(IndexError):  # nothing was run
        run(Options, "--help")
    app = typer.Typer(rich_markup_mode=None)
    add_verb(app, "verb", Options, lambda options, voice: None)
    text = CliRunner().invoke(app, ["--help"]).output
    assert "--name NAME" in text and "A name." in text and "[default: crops]" in text and "--quiet" in text
    assert "--hidden" not in text and "--options" not in text


@pytest.mark.parametrize("words", [["upscale", "a.png", "-o", "out", "--bundle", "b"], ["check", "b"], ["bench", "b"]])
def test_threads_beyond_all_machines_are_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--threads", "9" * 20]) == ExitCode.USAGE
    assert "--threads" in capsys.readouterr().err
