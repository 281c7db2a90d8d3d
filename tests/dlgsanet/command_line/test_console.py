"""What foreign names hold is shown, never sent."""

from __future__ import annotations

import io

from rich.table import Table
from rich.text import Text

from dlgsanet.command_line.console import PlainConsole

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


def test_its_own_colours_pass() -> None:
    console = PlainConsole(width=80)
    console._color_system = None
    console.file = written = io.StringIO()
    console._force_terminal = True
    with console.capture() as taken:
        console.print(Text("x", style="bold"))
    assert "x" in taken.get() and not written.getvalue()
