"""Hold a tag against the package and the changelog: `python .github/release_version.py v1.2.3`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = {
    "dlgsanet/__init__.py": r'^__version__ = "(.+)"$',
    "CHANGELOG.md": r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$",  # the newest dated entry
}


def problem(tag: str, texts: dict[str, str]) -> str | None:
    """Why `tag` must not be published, in one line; None if it may. `texts` are the files of PLACES."""
    for name, pattern in PLACES.items():
        found = re.search(pattern, texts[name], re.MULTILINE)
        version = found[1] if found else "none"
        if f"v{version}" != tag:
            return f"expected the version of {tag} in {name}, found {version}: correct it, or the tag"
    return None


def main(tag: str) -> int:
    said = problem(tag, {name: (ROOT / name).read_text(encoding="utf-8") for name in PLACES})
    if said:
        sys.stderr.write(said + "\n")
    return 2 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
