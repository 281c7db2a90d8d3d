"""The front door: verbs, exit codes, one-line errors."""

from __future__ import annotations

import io
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import typer

from dlgsanet import __main__ as door
from dlgsanet.command_line.rooms import ROOMS
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
        (PermissionError(13, "Permission denied", "photo\x1b.png"), 2),
        (OSError("without a file"), 70),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), 2),
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


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["check", "b", "--max-drop", "x"], "'x'"),
        (["bench", "b", "--runs", "3"], "'3'"),
        (["bench", "b", "--runs", "1.5"], "'1.5'"),
    ],
)
def test_a_value_of_a_wrong_kind_is_said(words: list[str], found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(words) == 2
    assert f"'{words[2]}'" in (said := capsys.readouterr().err) and f", found {found}. Try: dlgsanet" in said


@pytest.mark.parametrize(
    "words", [["upscale", "", "-o", "x"], ["upscale", "a.png", "-o", ""], ["check", "b", "--data="], ["verify", ""]]
)
def test_a_variable_that_is_not_set_is_no_folder(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(words) == 2
    assert "found nothing: if a variable of the shell stands there" in capsys.readouterr().err


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


def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> list[str]:
    """What bash offers at the end of the line."""
    words = line.split(" ")
    monkeypatch.setenv("_DLGSANET_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert door.main([]) == 0
    return capsys.readouterr().out.split()


def test_shells_complete_verbs_and_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(monkeypatch, capsys, "dlgsanet che") == ["check"]
    assert set(completed(monkeypatch, capsys, "dlgsanet ")) == set(door.VERBS)
    assert completed(monkeypatch, capsys, "dlgsanet check --max-d") == ["--max-drop"]
    assert completed(monkeypatch, capsys, "dlgsanet bench --peer") == ["--peer", "--peers"]


def test_shells_complete_values(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(monkeypatch, capsys, "dlgsanet export m --to openvino-b") == ["openvino-bf16"]
    assert completed(monkeypatch, capsys, "dlgsanet export m --to coreml,openvino-b") == ["coreml,openvino-bf16"]
    assert completed(monkeypatch, capsys, "dlgsanet export m --lowering basis-") == ["basis-fused", "basis-grouped"]


def test_the_completion_script_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert door.main(["--show-completion", "bash"]) == 0
    assert "_DLGSANET_COMPLETE=complete_bash" in capsys.readouterr().out


@pytest.mark.parametrize("verb", door.VERBS)
def test_every_verb_can_be_quiet_or_verbose(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert "--quiet" in said and "--verbose" in said


@pytest.mark.parametrize("verb", ["export", "check", "bench"])
def test_options_of_long_verbs_may_stand_in_a_file(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main([verb, "--help"]) == 0
    assert "--options FILE" in capsys.readouterr().out


ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "PIL", "torch", "onnx", "onnxruntime", "openvino", "coremltools", "jinja2", "matplotlib"}


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("import runtimes", 1),
        ("door(['--help'])", 5),
        ("door(['formats', '--json'])", 64),
        *((f"door(['{verb}', '--help'])", 64) for verb in door.VERBS),
    ],
)
def test_it_starts_with_few_modules(code: str, most: int) -> None:
    """Time depends on the machine, and on what typer brings; which modules of ours are imported does not."""
    program = f"""
import io, sys
out, sys.stdout = sys.stdout, io.StringIO()
def door(words):
    from dlgsanet.__main__ import main
    assert main(words) == 0
{code}
print(*sys.modules, file=out)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    modules = done.stdout.split()
    ours = [name for name in modules if name.partition(".")[0] in ROOMS]
    assert not HEAVY & set(modules)
    assert len(ours) <= most, ours
