"""The front door: verbs, exit codes, one-line errors."""

from __future__ import annotations

import io
import sys
import types
from typing import Any

import pytest
import typer

from dlgsanet import __main__ as door
from dlgsanet.errors import BackendError, EdgeError, GateError, InputError, SpeedGateError, UnavailableError


def fake_room(monkeypatch: pytest.MonkeyPatch, verb: Any) -> None:
    """Replace the room behind `train` by one whose verb is the given function."""
    room = types.SimpleNamespace(register=lambda app: app.command("train")(verb))
    monkeypatch.setattr(door, "_import", lambda _: room)


def raising(error: BaseException) -> Any:
    def verb() -> None:
        raise error

    return verb


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GateError("x"), 1),
        (InputError("x"), 2),
        (UnavailableError("x"), 3),
        (SpeedGateError("x"), 4),
        (BackendError("x"), 70),
        (EdgeError("x"), 70),
        (RuntimeError("two\nlines"), 70),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (MemoryError(), 2),
    ],
)
def test_errors_become_one_line_and_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    fake_room(monkeypatch, raising(error))
    assert door.main(["train"]) == code
    out, err = capsys.readouterr()
    assert err.startswith("dlgsanet: ") and err.count("\n") == 1 and not out


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_room(monkeypatch, raising(InputError("x")))
    assert door.main(["train", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_success_and_exit_codes_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_room(monkeypatch, lambda: None)
    assert door.main(["train"]) == 0
    fake_room(monkeypatch, raising(typer.Exit(3)))
    assert door.main(["train"]) == 3


@pytest.mark.parametrize(("words", "code"), [([], 2), (["--help"], 0), (["--version"], 0)])
def test_overview(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(words) == code
    assert capsys.readouterr().out


def test_unknown_verb_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["exprot"]) == 2
    assert "did you mean export" in capsys.readouterr().err


def test_wrong_option_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["train", "--nope"]) == 2
    assert "--nope" in capsys.readouterr().err


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(_: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(door, "_import", absent)
    assert door.main(["train"]) == 3
    assert "dlgsanet-edge[train]" in capsys.readouterr().err


def test_a_package_missing_inside_a_verb_names_the_extra_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_room(monkeypatch, raising(ModuleNotFoundError("No module named 'jinja2.x'", name="jinja2.x")))
    assert door.main(["train"]) == 3
    assert "the package jinja2, found none" in capsys.readouterr().err
    fake_room(monkeypatch, raising(ModuleNotFoundError("No module named 'export.x'", name="export.x")))
    assert door.main(["train"]) == 70  # ours: a bug, not something to install


def test_a_room_that_another_distribution_wrote_into_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip lets a distribution replace files of another: what failed is told by who owns the folder."""
    owners = {"export": ["dlgsanet-edge", "other"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: owners)
    fake_room(monkeypatch, raising(ImportError("cannot import name 'x' from 'export'", name="export")))
    assert door.main(["train"]) == 3
    assert "from one distribution, found dlgsanet-edge, other" in capsys.readouterr().err


@pytest.mark.parametrize("verb", door.VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main([verb, "--help"]) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "cp1252"])
def test_a_name_that_the_terminal_cannot_show_is_no_failure(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    def verb() -> None:
        sys.stdout.write("\u65e5\udcff.png\n")

    fake_room(monkeypatch, verb)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert door.main(["train"]) == 0
    sys.stdout.flush()
    assert written.getvalue().endswith(b".png\n")
