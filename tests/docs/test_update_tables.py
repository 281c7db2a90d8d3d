"""What README and docs say is true of this checkout: figures, links, module names, and the site made of them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import update_tables
from docs.tables import imports
from export.targets.table import TARGETS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (*(ROOT / name for name in ("", "examples", "dlgsanet/weights")), *(ROOT / "docs").rglob(""))
PAGES = sorted(page for folder in FOLDERS for page in folder.glob("*.md"))
LONGEST_README = 90
CODE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
BLOCK = re.compile(r" *(?:[-*+] |\d+\. |\|)")  # the first line of a list or a table, or a further one
NESTED = re.compile(r"(?: {4})*(?! )")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """Without code and the front matter that only programs read."""
    return CODE.sub("", FRONT_MATTER.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and the site give to a page's headings, where both agree."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {text.strip().replace(" ", "-") for text in plain} & {re.sub(r"[-\s]+", "-", text.strip()) for text in plain}


def broken(page: Path, text: str) -> list[str]:
    """The links of a page's text that lead nowhere."""
    found = []
    for link in LINK.findall(text):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        place = (page.parent / target).resolve() if target else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            found.append(f"{page.relative_to(ROOT)} links to {link}")
    return found


def glued(text: str) -> list[str]:
    """Lines of lists and tables that GitHub takes for such and the site does not: its Markdown wants an empty line
    before the block, and four spaces for a nested one."""
    found, first = [], ""
    for line in (re.sub("<!--.*?-->|^#.*", "", line) for line in text.splitlines()):
        first = first if first.strip() else line  # of the block that this line is in
        if BLOCK.match(line) and not (BLOCK.match(first) and NESTED.match(line)):
            found.append(line)
        first = first if line.strip() else ""
    return found


def test_pages_are_up_to_date() -> None:
    assert not update_tables.stale(), "run make docs"


def test_every_table_is_on_a_page() -> None:
    shown = {name for page in update_tables.pages() for _, name, _ in update_tables.BLOCK.findall(page.read_text())}
    assert shown == set(update_tables.TABLES)


def test_a_changed_figure_is_noticed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = update_tables.BLOCK.search(text)
    assert block is not None
    digit = next(i for i in range(block.start(), block.end()) if text[i].isdigit())
    forged = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
    assert update_tables.updated(forged) == text


def test_links_lead_somewhere() -> None:
    assert not [line for page in PAGES for line in broken(page, prose(page))]


def test_the_link_check_can_fail() -> None:
    page = ROOT / "README.md"
    fine, *wrong = ("docs/guides/export.md#the-bundle", "docs/nowhere.md", "docs/guides/export.md#nowhere", "#nowhere")
    assert not broken(page, f"[a]({fine})")
    assert len(broken(page, " ".join(f"[a]({link})" for link in wrong))) == len(wrong)


def test_lists_and_tables_are_such_on_the_site() -> None:
    assert not {str(page.relative_to(ROOT)): lines for page in PAGES if (lines := glued(prose(page)))}
    assert glued("text\n- item") and glued("text\n| a |") and glued("1. one\n\n   - nested")
    assert glued("1. one\n\n    more\n2. two")
    assert not glued("text\n\n- item\n  more\n- item\n\n    - nested\n\n| a |\n|---|")


def test_modules_that_pages_run_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"python -m ([\w.]+)", page.read_text(encoding="utf-8"))}
    ours = {name: ROOT.joinpath(*name.split(".")) for name in named if name.partition(".")[0] in imports.ROOMS}
    assert ours and not [name for name, place in ours.items() if not can_be_run(place)]


def can_be_run(place: Path) -> bool:
    source = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
    return source.is_file() and '__name__ == "__main__"' in source.read_text(encoding="utf-8")


def test_readme_is_short_and_names_real_targets() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_README
    section = text.partition("## Which target")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z]+(?:-[a-z]+)?-(?:fp32|fp16|bf16|int8))`", section)
    assert len(named) >= 6 and set(named) <= {row.name for row in TARGETS}


def test_install_lines_work_from_a_checkout() -> None:
    """Nothing is on an index yet: pip is given a folder or a wheel."""
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]
    assert not [page for page in pages if re.search(r"pip install ['\"]?dlgsanet", page.read_text(encoding="utf-8"))]


needs_site = pytest.mark.skipif(importlib.util.find_spec("material") is None, reason="needs the extra site")


def built(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    # Not --quiet: then MkDocs does not count the warnings that --strict is about.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


@needs_site
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    """Broken links, anchors and cross-references, and pages outside the navigation, fail; nothing is fetched later."""
    done = built(ROOT / "mkdocs.yml", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    front = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "start" / "laptop" / "index.html").exists() and 'href="start/laptop/"' in front
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?https?://", front)


@needs_site
@pytest.mark.parametrize("link", ["nowhere.md", "#nowhere", "other.md#nowhere"])
def test_a_broken_link_fails_the_site(tmp_path: Path, link: str) -> None:
    """The same settings on two small pages, one of them with the fault."""
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.md").write_text(f"# Front\n[a]({link})\n")
    (pages / "other.md").write_text("# Other\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: {pages}\nhooks: []\nplugins: []\nnav: [index.md, other.md]\n"
    )
    done = built(config, tmp_path / "site")
    assert done.returncode != 0 and "nowhere" in done.stdout + done.stderr
