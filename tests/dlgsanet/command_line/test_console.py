"""What foreign names hold is shown, never sent."""

from __future__ import annotations

import io
import re

import pytest
from rich.table import Table
from rich.text import Text

from dlgsanet.command_line.console import PlainConsole
from tests.project.repository import ROOT

HOSTILE = "a\x1b]0;owned\x07\x9bb\u202e[bold]"


def test_no_command_reaches_a_terminal_and_nothing_is_markup() -> None:
    console = PlainConsole(width=160)
    console.file = written = io.StringIO()
    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    for shown in (HOSTILE, Text(HOSTILE), table, f"line\n{HOSTILE}", "[/closing]"):
        console.print(shown)
    said = written.getvalue()
    assert said.replace("\n", "").isprintable()
    assert said.count("\\x1b]0;owned") == 5 and said.count("\\u202e[bold]") == 3 and "[/closing]" in said


def test_its_own_colours_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    console = PlainConsole(width=80)
    console.file = written = io.StringIO()
    console.print(Text("x", style="bold"))
    assert written.getvalue() == "\x1b[1mx\x1b[0m\n"


def test_no_verb_has_another_console() -> None:
    sources = (
        path for room in ("dlgsanet", "runtimes", "export", "benchmarks") for path in (ROOT / room).rglob("*.py")
    )
    verbs = (path for path in sources if "studies" not in path.parts)
    assert not [path for path in verbs if re.search(r"(?<![\w.])Console\(", path.read_text(encoding="utf-8"))]
