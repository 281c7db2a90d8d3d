"""What contributors are told is what holds: hooks, templates, citation, changelog."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.records.result_file import read_result
from dlgsanet import __version__
from tests.project.repository import ROOT, files

yaml = pytest.importorskip("yaml")
LONGEST_SUBJECT = 72


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_hooks_run_what_make_lint_runs() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]}
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert lint
    asked = {tuple(line.replace("$(BIN)/", "").split()[:2]) for line in lint[1].splitlines()}
    held = {tuple(hooks[name]["entry"].split()[:2]) for name in ("ruff", "ruff-format", "mypy")}
    assert held == asked


def test_the_hook_refuses_a_long_subject_and_nothing_else() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]}
    refuses = re.compile(hooks["commit-subject"]["entry"], re.MULTILINE | re.DOTALL).search
    assert refuses("x" * (LONGEST_SUBJECT + 1) + "\n\nbody\n")
    assert not refuses("x" * LONGEST_SUBJECT + "\n\n" + "y" * 200 + "\n")
    assert f"at most {LONGEST_SUBJECT} characters" in read("CONTRIBUTING.md")


def test_the_changelog_has_the_usual_form() -> None:
    text = read("CHANGELOG.md")
    entries = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert entries[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", entry) for entry in entries[1:])
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= {
        *("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"),
    }


def test_the_citation_names_the_version_and_the_paper() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == __version__
    assert f"## [{__version__}] - {citation['date-released']}" in read("CHANGELOG.md")
    assert citation["cff-version"] == "1.2.0" and citation["title"] and citation["authors"] and citation["message"]
    assert citation["references"][0]["identifiers"][0]["value"] == "arXiv:2301.02031"


def test_forms_of_issues_have_what_github_asks_for() -> None:
    forms = [name for name in files() if name.startswith(".github/ISSUE_TEMPLATE/") and not name.endswith("config.yml")]
    assert len(forms) == 3
    for form in (yaml.safe_load(read(name)) for name in forms):
        assert form["name"] and form["description"]
        identities = [field["id"] for field in form["body"]]
        assert len(set(identities)) == len(identities)
        assert all(field["type"] == "textarea" and field["attributes"]["label"] for field in form["body"])


def test_files_that_pages_name_exist() -> None:
    """In CONTRIBUTING and SECURITY: every path of ours in code marks."""
    for page in ("CONTRIBUTING.md", "SECURITY.md"):
        named = re.findall(r"`((?:dlgsanet|export|runtimes|benchmarks|tests|docs)/[\w./]+)`", read(page))
        assert named if page == "CONTRIBUTING.md" else True
        assert not [path for path in named if "/X/" not in path and not (ROOT / path).exists()]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks" / "results").rglob("*-check-*.json")), ids=lambda it: it.name
)
def test_no_picture_is_in_a_committed_result(path: Path) -> None:
    """They are cut from benchmark sets, which nobody may pass on."""
    file = read_result(path)
    assert file.records and not file.crops and not file.error_maps, f"empty the crops and error_maps of {path.name}"
