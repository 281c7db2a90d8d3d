"""What the fast tests run of our code. `python -m docs.tables.coverage build/coverage.json` keeps a new measurement."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dlgsanet.storage.atomic import write_text
from runtimes.file_formats.markdown import markdown_table

KEPT = Path(__file__).resolve().parents[1] / "coverage.json"


@dataclass(frozen=True)
class Room:
    name: str
    statements: int
    run: int

    @property
    def percent(self) -> str:
        return f"{100 * self.run / self.statements:.1f} %"


def coverage() -> str:
    """The table of the kept measurement."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    rooms = [Room(**room) for room in kept["packages"]]
    everything = Room("all", sum(room.statements for room in rooms), sum(room.run for room in rooms))
    rows = [(room.name, str(room.statements), room.percent) for room in (*rooms, everything)]
    return markdown_table(("package", "statements", f"run by the fast tests, Python {kept['python']}"), rows)


def by_package(measured: str) -> Sequence[Room]:
    """Statements and those that ran in each package, of coverage's own JSON."""
    statements: Counter[str] = Counter()
    run: Counter[str] = Counter()
    for path, file in json.loads(measured)["files"].items():
        room = Path(path).parts[0]
        statements[room] += file["summary"]["num_statements"]
        run[room] += file["summary"]["covered_lines"]
    return [Room(name, statements[name], run[name]) for name in sorted(statements)]


if __name__ == "__main__":
    rooms = by_package(Path(sys.argv[1]).read_text(encoding="utf-8"))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    write_text(KEPT, json.dumps({"python": python, "packages": [asdict(room) for room in rooms]}, indent=1) + "\n")
