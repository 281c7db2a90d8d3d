"""Workflows run elsewhere, so what they call is held here: every script, target, verb, option and extra exists."""

from __future__ import annotations

import itertools
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.__main__ import VERBS, main
from export.targets.choice import parse_targets
from tests.project.repository import ROOT, pyproject

yaml = pytest.importorskip("yaml")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MODULES = {"pip", "build", "pytest"}  # of others, for `python -m`
TOOLS = {"pip", "ruff", "mypy"}
LEAST = {"contents": "read"}


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        yield from ((f"{path.stem}/{name}", job) for name, job in read(path)["jobs"].items())


def commands() -> list[tuple[str, list[str]]]:
    """(where, words) of every command, with a word in place of what GitHub fills in."""
    lines = [
        (name, re.sub(r"\$\{\{.*?\}\}", "FILLED", line))
        for name, job in jobs()
        for step in job.get("steps", ())
        for line in step.get("run", "").splitlines()
    ]
    return [(name, shlex.split(line, comments=True)) for name, line in lines]


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_there_are_commands_to_hold() -> None:
    assert {path.stem for path in WORKFLOWS} == {"coreml", "docs", "release", "tests", "wheel"}
    assert len(commands()) > 30


@pytest.mark.parametrize(("where", "words"), commands())
def test_what_a_command_names_exists(where: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    program, *rest = words
    if program == "dlgsanet":
        assert rest == ["--version"] or rest[0] in VERBS
        hold_options(rest, capsys)
    elif program == "make":
        assert set(rest) <= makefile_targets()
    elif program == "python":
        assert rest[1] in MODULES if rest[0] == "-m" else (ROOT / rest[0]).is_file()
        assert all((ROOT / word).exists() for word in rest[1:] if word.startswith("tests/"))
    else:
        assert program in TOOLS, where


def hold_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every option is in the verb's help, every target in the table."""
    if words[0] in VERBS:
        assert main([words[0], "--help"]) == 0
        told = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
        assert {word for word in words if word.startswith("--")} <= told
    parse_targets([value for word, value in itertools.pairwise(words) if word == "--to"], [])


def test_every_job_has_the_least_rights() -> None:
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        assert read(path)["permissions"] == LEAST
        assert "secrets." not in text and "password" not in text
    rights = {name: job["permissions"] for name, job in jobs() if "permissions" in job}
    assert rights == {"docs/publish": {"pages": "write", "id-token": "write"}, "release/publish": {"id-token": "write"}}


def test_jobs_wait_for_jobs_that_exist_and_actions_have_versions() -> None:
    for path in WORKFLOWS:
        own = read(path)["jobs"]
        assert all(job.get("needs", name) in own for name, job in own.items())
        used = [step["uses"] for job in own.values() for step in job.get("steps", ()) if "uses" in step]
        assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@(v\d+|release/v\d+)", action) for action in used)
        called = [job["uses"] for job in own.values() if "uses" in job]
        assert all((ROOT / name).is_file() for name in called)


def test_the_suite_runs_on_every_python_that_we_name() -> None:
    named = [line.rpartition(" ")[2] for line in pyproject()["project"]["classifiers"] if ":: 3." in line]
    tests = read(ROOT / ".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert tests["python"] == named
    assert [name.partition("-")[0] for name in tests["os"]] == ["ubuntu", "macos", "windows"]


@pytest.mark.parametrize(
    ("tag", "version", "entry", "said"),
    [
        ("v1.2.3", "1.2.3", "## [1.2.3] - 2026-01-02", None),
        ("v1.2.3", "1.2.4", "## [1.2.3] - 2026-01-02", "in dlgsanet/__init__.py, found 1.2.4"),
        ("v1.2.3", "1.2.3", "## [1.2.2] - 2026-01-02", "in CHANGELOG.md, found 1.2.2"),
        ("v1.2.3", "1.2.3", "## [Unreleased]", "in CHANGELOG.md, found none"),
        ("1.2.3", "1.2.3", "## [1.2.3] - 2026-01-02", "expected the version of 1.2.3"),
    ],
)
def test_a_tag_is_held_against_package_and_changelog(tag: str, version: str, entry: str, said: str | None) -> None:
    script = runpy.run_path(str(ROOT / ".github/release_version.py"))
    texts = {"dlgsanet/__init__.py": f'__version__ = "{version}"\n', "CHANGELOG.md": f"# Changelog\n{entry}\n"}
    found = script["problem"](tag, texts)
    assert found is None if said is None else said in found
