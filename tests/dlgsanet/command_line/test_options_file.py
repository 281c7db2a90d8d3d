"""Options from a TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from dlgsanet.command_line.verbs import add_verb
from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError


@dataclass(frozen=True)
class Options:
    model: Annotated[str, typer.Argument()]
    output: Annotated[Path, typer.Option("-o", "--output")]
    names: Annotated[tuple[str, ...], typer.Option("--name")] = ()
    limit_db: Annotated[float | None, typer.Option("--max-drop")] = None
    threads: Annotated[int | None, typer.Option(min=1)] = None
    crops: Annotated[bool, typer.Option()] = True


def run(place: Path, content: str, *words: str) -> Options:
    heard: list[Options] = []

    def verb(options: Options, voice: Voice) -> None:
        heard.append(options)

    file = place / "mine.toml"
    file.write_text(content)
    app = typer.Typer()
    add_verb(app, "check", Options, verb, from_file=True)
    done = CliRunner().invoke(app, ["m", "--options", str(file), *words])
    if isinstance(done.exception, InputError):
        raise done.exception
    if done.exit_code:
        raise SystemExit(done.output)
    return heard[0]


def test_every_kind_of_value(tmp_path: Path) -> None:
    content = '[check]\noutput = "o"\nname = ["a", "b"]\nmax-drop = 0.1\nthreads = 2\ncrops = false\n[bench]\nruns = 3'
    assert run(tmp_path, content) == Options("m", Path("o"), ("a", "b"), 0.1, 2, crops=False)


def test_one_value_for_an_option_that_may_be_repeated(tmp_path: Path) -> None:
    assert run(tmp_path, '[check]\noutput = "o"\nname = "abc"').names == ("abc",)


def test_the_command_line_wins(tmp_path: Path) -> None:
    content = '[check]\noutput = "o"\nname = ["a"]\nmax-drop = 0.1\ncrops = false'
    options = run(tmp_path, content, "--max-drop", "0.2", "--name", "c", "--crops")
    assert options == Options("m", Path("o"), ("c",), 0.2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[check]\nthread = 1", r"unknown option in .*mine\.toml: \[check\] 'thread'; .* did you mean threads"),
        ("[check]\nmodel = 'x'", "unknown option"),
        ("[check]\noptions = 'x'", "unknown option"),
        ("[bench]\nruns = 3", r"expected a table \[check\] in .*, found bench"),
        ("check = 3", r"expected a table \[check\] in .*, found the value 3"),
        ("[check]\ncrops = 'no'", "expected true or false at .* crops, found 'no'"),
        ("[check]\nthreads = true", "expected a value at .* threads, found true"),
        ("[check]\nthreads = [1, 2]", "expected one value at .* threads, found a list"),
        ("[check]\nname = [['a']]", r"expected text or a number at .* name, found \['a'\]"),
        ("[check]\nname = ['']", r"expected text or a number at .* name, found ''"),
        ("[check", "expected TOML in"),
    ],
)
def test_refusals(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(tmp_path, content)


def test_a_value_of_the_wrong_type_is_refused_as_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--threads"):
        run(tmp_path, '[check]\noutput = "o"\nthreads = "two"')


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the configuration"):
        run(tmp_path, "", "--options", str(tmp_path / "other.toml"))
