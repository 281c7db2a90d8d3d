"""A hook of MkDocs: the site is the repository's own pages under their own paths, so that a link works on both.

README.md is the front page; pages of docs/ lose that folder in their address only.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PARTS = (
    "*.md", "docs/**/*.md", "docs/images/*", "docs/reference/schemas/*.json", "dlgsanet/weights/*.md",
    "dlgsanet/weights/*.png", "examples/*", "examples/toy_backend/toy_backend/*.py", "LICENSE",
)  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages and pictures of the repository, in place of docs/ alone."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    ours = [path for part in PARTS for path in sorted(ROOT.glob(part)) if path.is_file()]
    return Files([*theme, *(_file(path, config) for path in ours)])


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """The front page has the whole width: its section has no other page to list."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    return markdown


def _file(path: Path, config: MkDocsConfig) -> File:
    name = path.relative_to(ROOT).as_posix()
    made = File(name, str(ROOT), config.site_dir, use_directory_urls=True)
    made.dest_uri = made.dest_uri.removeprefix("docs/")
    return made
